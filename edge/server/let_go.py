"""Messages a rig let go of on another word than this database's.

A database that was restored is older than the word its rigs were given; a rig that trusted its
broker, or another server, owes nothing below its floor either. What is missing there will never
come: it is declared lost here, so that every number is stored, put aside or named as lost.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.server.arrival import MAX_LOST_SEQS
from edge.server.transaction import Loss, Owner
from edge.server.upkeep import Ask

Span = tuple[int, int]
"""First and last seq."""
LET_GO = "let_go"
"""Reason, in `lost_ranges`, of what this database never had and no rig owes."""


def declare(ask: Ask, owner: Owner, first_seq: int, last_seq: int) -> int:
    """Declare lost what the ledger has not; in the transaction that is open.

    Parameters
    ----------
    ask : callable
        Runs a statement.
    owner : Owner
        Whose numbers.
    first_seq, last_seq : int
        Where to look, both included. Of more than ten million the last are taken: no rig makes so
        many, and whoever asks for the view `messages` gets a row for each.

    Returns
    -------
    int
        Number of ranges.
    """
    made = ask(
        """INSERT INTO lost_ranges (rig, epoch, first_seq, last_seq, reason)
        SELECT {rig}, {epoch}, first_seq, last_seq, {reason} FROM (
            SELECT lag(seq, 1, {before}) OVER (ORDER BY seq) + 1 AS first_seq,
                seq - 1 AS last_seq
            FROM (SELECT seq FROM ledger WHERE rig = {rig} AND epoch = {epoch}
                    AND seq > {before} AND seq < {after}
                UNION ALL SELECT {after}) AS there) AS gaps
        WHERE first_seq <= last_seq ON CONFLICT DO NOTHING""",
        {
            "rig": owner.rig,
            "epoch": owner.epoch,
            "reason": LET_GO,
            "before": max(first_seq, last_seq + 1 - MAX_LOST_SEQS) - 1,
            "after": last_seq + 1,
        },
    ).rowcount
    if made:
        span = {"first": first_seq, "last": last_seq}
        told = ask(
            "SELECT first_seq, last_seq FROM lost_ranges WHERE rig = {rig} AND epoch = {epoch}"
            " AND reason <> {reason} AND last_seq >= {first} AND first_seq <= {last}",
            {**_named(owner), **span},
        ).fetchall()
        _clip(ask, owner, [(int(first), int(last)) for first, last in told])
    return made


def give_way(ask: Ask, losses: Sequence[Loss]) -> None:
    """Take our word back where a rig says itself what it lost; in the transaction that is open.

    A rig's floor passes over what it gave up, and may come before the message that declares it.
    """
    told: dict[Owner, list[Span]] = {}
    for one in losses:
        told.setdefault(one.owner, []).append((one.first_seq, one.last_seq))
    for owner, spans in told.items():
        _clip(ask, owner, spans)


def _clip(ask: Ask, owner: Owner, told: Sequence[Span]) -> None:
    """Leave of our own ranges what lies outside of those that were told."""
    if not told:
        return
    ours = ask(
        "SELECT first_seq, last_seq FROM lost_ranges WHERE rig = {rig} AND epoch = {epoch}"
        " AND reason = {reason} AND last_seq >= {first} AND first_seq <= {last}",
        {
            **_named(owner),
            "first": min(first for first, _ in told),
            "last": max(last for _, last in told),
        },
    ).fetchall()
    for first, last in ours:
        left = _without((first, last), told)
        if left != [(first, last)]:
            _replace(ask, owner, (first, last), left)


def _without(ours: Span, told: Sequence[Span]) -> list[Span]:
    left = [ours]
    for begin, end in told:
        before = [(first, min(last, begin - 1)) for first, last in left]
        after = [(max(first, end + 1), last) for first, last in left]
        left = sorted({(first, last) for first, last in (*before, *after) if first <= last})
    return left


def _replace(ask: Ask, owner: Owner, ours: Span, left: Sequence[Span]) -> None:
    for statement, ranges in (
        ("DELETE FROM lost_ranges WHERE rig = {rig} AND epoch = {epoch} AND reason = {reason}"
         " AND first_seq = {first} AND last_seq = {last}", [ours]),
        ("INSERT INTO lost_ranges (rig, epoch, first_seq, last_seq, reason)"
         " VALUES ({rig}, {epoch}, {first}, {last}, {reason}) ON CONFLICT DO NOTHING", left),
    ):  # fmt: skip
        for first, last in ranges:
            ask(statement, {**_named(owner), "first": first, "last": last})


def _named(owner: Owner) -> dict[str, str | int]:
    return {"rig": owner.rig, "epoch": owner.epoch, "reason": LET_GO}
