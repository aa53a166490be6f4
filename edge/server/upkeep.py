"""Looking after a collector's database: who sends, what is old, who wants to be forgotten.

Statements are told once; words in braces are parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from edge.messages import format_utc_ns
from edge.messages.utc import parse_utc_ns
from edge.server.store import RigState, Seen

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


def prune_rows(ask: Ask, before: datetime) -> int:
    """Remove, row by row, what is older by its own time and by its arrival."""
    removed = 0
    limit = {"before": format_utc(before)}
    for table, column in (("hits", "time_utc"), ("exposures", "from_utc")):
        removed += ask(
            f"DELETE FROM {table} WHERE {column} < {{before}}"  # noqa: S608 - our own names
            " AND received_utc < {before}",
            limit,
        ).rowcount
    return removed + prune_quarantine(ask, before)


def prune_quarantine(ask: Ask, before: datetime) -> int:
    """Remove what was put aside before."""
    limit = {"before": format_utc(before)}
    return ask("DELETE FROM quarantine WHERE received_utc < {before}", limit).rowcount


def erase(ask: Ask, rig: str) -> int:
    """See `edge.server.store.Store.erase`."""
    who = {"rig": rig, "topics": f"cosmic-edge/v1/{rig}/%"}
    for table in _MESSAGES:
        ask(f"DELETE FROM {table} WHERE rig = {{rig}}", who)  # noqa: S608 - our own names
    ask("UPDATE fleet SET name = rig WHERE rig = {rig}", who)  # a name may tell of its owner
    ask("DELETE FROM quarantine WHERE rig = {rig} OR topic LIKE {topics}", who)
    return ask(
        "UPDATE ledger SET kind = 'erased' WHERE rig = {rig} AND kind <> 'erased'", who
    ).rowcount


def format_utc(moment: datetime) -> str:
    """Write a time as messages do."""
    microseconds = round(moment.timestamp() * 1_000_000)
    return format_utc_ns(microseconds * _MICROSECOND_NS)
