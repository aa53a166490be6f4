"""Who belongs to the fleet: names people use, and whose messages are no longer taken.

A rig's key, under which it publishes and is stored, never changes: numbers, digests and ids are
made of it. A name is a label beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from edge.errors import Failed
from edge.server.arrival import Arrival, Refusal
from edge.server.upkeep import Ask, format_utc, utc_text

REVOKED = "revoked"
"""Reason, in the quarantine, of what a revoked rig sent."""


@dataclass(frozen=True, slots=True)
class Member:
    """A rig that was added, renamed or revoked.

    Attributes
    ----------
    rig : str
        Its key: in topics, in messages, in every table.
    name : str
        What people call it; at first its key.
    added_utc, revoked_utc : str or None
        When; a rig that was only renamed was never added.
    """

    rig: str
    name: str
    added_utc: str | None
    revoked_utc: str | None


def members(ask: Ask) -> tuple[Member, ...]:
    """Return all of them, by key."""
    rows = ask("SELECT rig, name, added_utc, revoked_utc FROM fleet ORDER BY rig", {}).fetchall()
    return tuple(
        Member(rig, name, utc_text(added), utc_text(gone)) for rig, name, added, gone in rows
    )


def keys_of(ask: Ask, name: str) -> tuple[str, ...]:
    """Return the keys of rigs that are called so or have this key; empty: nobody."""
    rows = ask(
        """SELECT rig FROM fleet WHERE name = {name} OR rig = {name}
        UNION SELECT rig FROM rigs WHERE rig = {name} ORDER BY 1""",
        {"name": name},
    ).fetchall()
    return tuple(str(rig) for (rig,) in rows)


def add(ask: Ask, rig: str, now: datetime) -> bool:
    """Register a rig; one that was revoked is taken back.

    Returns
    -------
    bool
        Whether it was unknown to the roster.

    Raises
    ------
    edge.errors.Failed
        Another rig is called so.
    """
    others = [key for key in keys_of(ask, rig) if key != rig]
    if others:
        raise Failed(f"{rig!r} is what {others[0]!r} is called: take another name")
    known = ask("SELECT 1 FROM fleet WHERE rig = {rig}", {"rig": rig}).fetchall()
    ask(
        """INSERT INTO fleet (rig, name, added_utc) VALUES ({rig}, {rig}, {now})
        ON CONFLICT (rig) DO UPDATE SET revoked_utc = NULL,
        added_utc = coalesce(fleet.added_utc, excluded.added_utc)""",
        {"rig": rig, "now": format_utc(now)},
    )
    return not known


def rename(ask: Ask, old: str, new: str, *, join: bool = False) -> tuple[str, ...]:
    """Call a rig by another name; its key stays.

    Parameters
    ----------
    ask : callable
        Runs a statement.
    old, new : str
        Key or name it has, and the name it gets.
    join : bool
        Let two rigs have one name: the same camera under two keys.

    Returns
    -------
    tuple of str
        Keys that now have this name.

    Raises
    ------
    edge.errors.Failed
        Nobody is called `old`, or somebody else `new`.
    """
    keys = known(ask, old)
    others = [key for key in keys_of(ask, new) if key not in keys]
    if others and not join:
        raise Failed(f"{new!r} is {others[0]!r} already; if both are one rig, say --join")
    for key in keys:
        ask(
            """INSERT INTO fleet (rig, name) VALUES ({rig}, {name})
            ON CONFLICT (rig) DO UPDATE SET name = excluded.name""",
            {"rig": key, "name": new},
        )
    return keys


def revoke(ask: Ask, name: str, now: datetime) -> tuple[str, ...]:
    """Take no more messages of a rig; returns its keys.

    Raises
    ------
    edge.errors.Failed
        Nobody is called so.
    """
    keys = known(ask, name)
    for key in keys:
        ask(
            """INSERT INTO fleet (rig, name, revoked_utc) VALUES ({rig}, {rig}, {now})
            ON CONFLICT (rig) DO UPDATE
            SET revoked_utc = coalesce(fleet.revoked_utc, excluded.revoked_utc)""",
            {"rig": key, "now": format_utc(now)},
        )
    return keys


def known(ask: Ask, name: str) -> tuple[str, ...]:
    """Return the keys of whoever is called so.

    Raises
    ------
    edge.errors.Failed
        Nobody is.
    """
    keys = keys_of(ask, name)
    if not keys:
        raise Failed(f"no rig {name!r} in this database; cosmic-edge server rigs lists them")
    return keys


def turn_away(ask: Ask, batch: Sequence[Arrival]) -> Sequence[Arrival]:
    """Mark what revoked rigs sent for the quarantine; in the transaction that stores."""
    rows = ask("SELECT rig FROM fleet WHERE revoked_utc IS NOT NULL", {}).fetchall()
    revoked = {str(rig) for (rig,) in rows}
    return [_refused(one) if _of(one) in revoked else one for one in batch] if revoked else batch


def _of(arrival: Arrival) -> str | None:
    return arrival.key.rig if arrival.key is not None and arrival.message is not None else None


def _refused(arrival: Arrival) -> Arrival:
    # Its floor would make the server forget: it is not believed either.
    refusal = Refusal(REVOKED, "the rig is revoked")
    return replace(arrival, message=None, floor=None, refusal=refusal)
