"""Looking after a collector's database: who sends, what is old, who wants to be forgotten.

Statements are told once; words in braces are parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

from edge.messages import format_utc_ns
from edge.messages.utc import parse_utc_ns
from edge.server.store import RigState, Seen

AT_ONCE = 5000
"""Rows removed in one transaction: less than a second, for which collectors wait in SQLite."""
DATED = {"hits": "time_utc", "exposures": "from_utc"}
"""Tables of messages that are let go by their age, and the column that tells it."""
_MESSAGES = ("hits", "exposures", "calibrations", "clocks", "lost")
_MICROSECOND_NS = 1000
_SECOND_NS = 1_000_000_000
# The first and the last of a run are short, and so is one that a crash cut off.
_LAST_EXPOSURES = 5


class Answered(Protocol):
    """What a database answers: a cursor of either engine."""

    @property
    def rowcount(self) -> int:
        """Number of rows that were changed."""

    def fetchall(self) -> list[Any]:
        """Return the rows."""


Ask: TypeAlias = Callable[[str, Mapping[str, Any]], Answered]
"""Runs a statement in the transaction that is open."""


def rigs(ask: Ask) -> tuple[RigState, ...]:
    """See `edge.server.store.Store.rigs`."""
    rows = ask(
        """SELECT rigs.rig, rigs.epoch, upto, seen_utc,
            sum(CASE WHEN seq > upto THEN 1 ELSE 0 END),
            sum(CASE WHEN kind = 'hit' THEN 1 ELSE 0 END),
            sum(CASE WHEN kind = 'quarantined' THEN 1 ELSE 0 END),
            sum(CASE WHEN kind = 'erased' THEN 1 ELSE 0 END),
            (SELECT coalesce(sum(last_seq - first_seq + 1 - (SELECT count(*) FROM ledger AS came
                    WHERE came.rig = gone.rig AND came.epoch = gone.epoch
                    AND came.seq BETWEEN gone.first_seq AND gone.last_seq)), 0)
                FROM lost_ranges AS gone
                WHERE gone.rig = rigs.rig AND gone.epoch = rigs.epoch AND reason = 'let_go')
        FROM rigs LEFT JOIN ledger ON ledger.rig = rigs.rig AND ledger.epoch = rigs.epoch
        GROUP BY rigs.rig, rigs.epoch, upto, seen_utc ORDER BY rigs.rig, seen_utc""",
        {},
    ).fetchall()
    return tuple(
        RigState(
            rig,
            epoch,
            upto,
            int(gap),
            int(hits),
            int(aside),
            int(gone),
            int(let_go),
            utc_text(last),
        )
        for rig, epoch, upto, last, gap, hits, aside, gone, let_go in rows
    )


def seen(ask: Ask) -> tuple[Seen, ...]:
    """See `edge.server.store.Store.seen`."""
    newest: dict[str, Seen] = {}
    for rig, epoch, moment in ask("SELECT rig, epoch, seen_utc FROM rigs", {}).fetchall():
        one = Seen(rig, epoch, utc_text(moment))
        if rig not in newest or (newest[rig].seen_utc or "") < (one.seen_utc or ""):
            newest[rig] = one
    return tuple(newest[rig] for rig in sorted(newest))


def report_interval_s(ask: Ask, rig: str, epoch: str) -> float | None:
    """See `edge.server.store.Store.report_interval_s`."""
    rows = ask(
        "SELECT from_utc, to_utc FROM exposures WHERE rig = {rig} AND epoch = {epoch}"
        " ORDER BY seq DESC LIMIT {last}",
        {"rig": rig, "epoch": epoch, "last": _LAST_EXPOSURES},
    ).fetchall()
    return max((_seconds(end) - _seconds(begin) for begin, end in rows), default=None)


def _seconds(moment: datetime | str) -> float:
    if isinstance(moment, datetime):
        return moment.timestamp()
    return parse_utc_ns(moment) / _SECOND_NS


def utc_text(moment: datetime | str | None) -> str | None:
    """Write a column's time as messages do, whichever engine gave it."""
    return format_utc(moment) if isinstance(moment, datetime) else moment


def prune(
    transact: Callable[[Callable[[Ask], int]], int],
    tables: Mapping[str, str],
    before: datetime,
) -> int:
    """Remove what is older, a part in each transaction: collectors store in between.

    Parameters
    ----------
    transact : callable
        See `edge.server.store.Store.transact`.
    tables : Mapping
        Tables of messages, and by which column each is dated.
    before : datetime
        What is dated and came before goes, as does what came before and is dated in a time to
        come: the clock was wrong. Of the quarantine, what came before.
    """
    old = {
        table: f"received_utc < {{before}} AND ({column} < {{before}} OR {column} > {{now}})"
        for table, column in tables.items()
    }
    removed = 0
    for table, is_old in {**old, "quarantine": "received_utc < {before}"}.items():
        part = AT_ONCE
        while part == AT_ONCE:
            part = transact(lambda ask, one=table, rule=is_old: _remove(ask, one, rule, before))  # type: ignore[misc]
            removed += part
    return removed


def _remove(ask: Ask, table: str, is_old: str, before: datetime) -> int:
    place = "id" if table == "quarantine" else "rig, epoch, seq"
    return ask(
        f"DELETE FROM {table} WHERE ({place}) IN"  # noqa: S608 - our own names
        f" (SELECT {place} FROM {table} WHERE {is_old} LIMIT {{most}})",
        {
            "before": format_utc(before),
            "most": AT_ONCE,
            **({} if place == "id" else {"now": format_utc(datetime.now(UTC))}),
        },
    ).rowcount


def erase(ask: Ask, rig: str, epochs: Sequence[str]) -> int:
    """See `edge.server.store.Store.erase`; of epochs in which nobody stores meanwhile."""
    who = {"rig": rig, "topics": f"cosmic-edge/v1/{rig}/%"}
    ask("UPDATE fleet SET name = rig WHERE rig = {rig}", who)  # a name may tell of its owner
    ask("DELETE FROM quarantine WHERE rig = {rig} OR topic LIKE {topics}", who)
    return sum(_erase_epoch(ask, {"rig": rig, "epoch": epoch}) for epoch in epochs)


def _erase_epoch(ask: Ask, owner: Mapping[str, str]) -> int:
    for table in _MESSAGES:
        ask(f"DELETE FROM {table} WHERE rig = {{rig}} AND epoch = {{epoch}}", owner)  # noqa: S608 - our own names
    return ask(
        "UPDATE ledger SET kind = 'erased'"
        " WHERE rig = {rig} AND epoch = {epoch} AND kind <> 'erased'",
        owner,
    ).rowcount


def format_utc(moment: datetime) -> str:
    """Write a time as messages do."""
    microseconds = round(moment.timestamp() * 1_000_000)
    return format_utc_ns(microseconds * _MICROSECOND_NS)
