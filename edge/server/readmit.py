"""Second thoughts about the quarantine: what this version can read, or may take again, is stored.

A rig that was upgraded before its server sends messages of a version the server does not know;
one that was revoked by mistake sends what nobody takes. Both lie in the quarantine as they came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from edge.server.arrival import Arrival, examine
from edge.server.commit import QUARANTINED
from edge.server.roster import REVOKED
from edge.server.store import Receipt
from edge.server.upkeep import Ask

_MOST = 200
_REASONS = f"('invalid', '{REVOKED}')"


Transact: TypeAlias = Callable[[Callable[[Ask], tuple[int, int]]], tuple[int, int]]
Settle: TypeAlias = Callable[[Ask, Sequence[Arrival]], Receipt]
"""Stores messages in the transaction that is open."""


def readmit_all(transact: Transact, settle: Settle) -> int:
    """Look through the quarantine, some in each transaction, and return how many were stored.

    Parameters
    ----------
    transact : callable
        See `edge.server.store.Store.transact`.
    settle : callable
        Stores messages in the transaction that is open.
    """
    last, total = 0, 0
    while True:
        seen, stored = transact(lambda ask, after=last: _some(ask, settle, after))  # type: ignore[misc]
        total += stored
        if seen == last:
            return total
        last = seen


def _some(ask: Ask, settle: Settle, after: int) -> tuple[int, int]:
    """Return the highest `id` behind `after` that was looked at, and how many were stored."""
    rows = ask(
        f"""SELECT id, topic, payload, was, rig, epoch, seq FROM quarantine
        WHERE id > {{after}} AND seq IS NOT NULL AND reason IN {_REASONS}
        AND rig NOT IN (SELECT rig FROM fleet WHERE revoked_utc IS NOT NULL)
        ORDER BY id LIMIT {{most}}""",  # noqa: S608 - our own words
        {"after": after, "most": _MOST},
    ).fetchall()
    admitted = [one for row in rows if (one := _released(ask, row)) is not None]
    stored = settle(ask, admitted).stored if admitted else 0
    return (int(rows[-1][0]) if rows else after), stored


def _released(ask: Ask, row: Sequence[Any]) -> Arrival | None:
    """Take a thing out of quarantine and ledger, if it is a message and the one under its key."""
    number, topic, payload, was, rig, epoch, seq = row
    arrival = examine(topic, bytes(payload), {"was": was or ""})
    key = arrival.key
    if arrival.message is None or key is None or (key.rig, key.epoch, key.seq) != (rig, epoch, seq):
        return None
    freed = ask(
        f"""DELETE FROM ledger WHERE rig = {{rig}} AND epoch = {{epoch}} AND seq = {{seq}}
        AND kind = '{QUARANTINED}' AND digest = {{digest}}""",  # noqa: S608 - our own words
        {"rig": rig, "epoch": epoch, "seq": seq, "digest": arrival.digest},
    ).rowcount
    if not freed:
        return None
    ask("DELETE FROM quarantine WHERE id = {id}", {"id": number})
    return arrival
