"""Which rigs have gone silent: a rule of what the server has, and of what the broker says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from edge.messages import Status
from edge.messages.utc import parse_utc_ns
from edge.server.store import Seen

RigPresence = Literal["reporting", "silent", "offline", "stopped", "gone"]
STATES: tuple[RigPresence, ...] = ("reporting", "silent", "offline", "stopped", "gone")
ALARMING: frozenset[RigPresence] = frozenset({"silent", "offline", "stopped"})
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """When quiet becomes silence.

    Attributes
    ----------
    silent_after_s : float
        Nothing came for so long ...
    silent_after_reports : float
        ... and for so many of the rig's own report intervals: a rig may report once an hour.
    offline_after_s : float
        Nothing came for so long, and the broker has lost the rig. Not at once: a rig that comes
        back in a minute is no alarm.
    forget_after_s : float
        Who was silent for so long is not waited for any more.
    ignored : frozenset of str
        Rigs nobody waits for.
    """

    silent_after_s: float = 180.0
    silent_after_reports: float = 3.0
    offline_after_s: float = 60.0
    forget_after_s: float = 30 * 86_400.0
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Presence:
    """How a rig stands.

    Attributes
    ----------
    rig : str
        Its name.
    state : str
        reporting; silent: nothing comes; offline: the broker lost it as well; stopped: it ended in
        order and did not come back; gone: not waited for any more.
    quiet_s : float or None
        Since its last message, in s; None: unknown.
    seen_utc : str or None
        When that came.
    """

    rig: str
    state: RigPresence
    quiet_s: float | None
    seen_utc: str | None

    @property
    def alarming(self) -> bool:
        """Whether somebody should look."""
        return self.state in ALARMING


def judge(
    seen: Sequence[Seen],
    statuses: Mapping[str, Status],
    interval_s: Callable[[Seen], float | None],
    limits: Limits,
    now_s: float,
) -> tuple[Presence, ...]:
    """Say how every rig stands.

    Parameters
    ----------
    seen : sequence of Seen
        What the database has of each rig.
    statuses : Mapping of str to Status
        What the broker says, by rig; empty where it is not asked.
    interval_s : callable
        A rig's own report interval; asked only where it matters.
    limits : Limits
        When quiet becomes silence.
    now_s : float
        Unix time.
    """
    stored = [
        _stored(one, statuses.get(one.rig), interval_s, limits, now_s)
        for one in seen
        if one.rig not in limits.ignored
    ]
    known = {one.rig for one in seen} | limits.ignored
    return tuple(sorted([*stored, *_unstored(statuses, known, limits, now_s)], key=_name))


def _stored(
    one: Seen,
    status: Status | None,
    interval_s: Callable[[Seen], float | None],
    limits: Limits,
    now_s: float,
) -> Presence:
    quiet_s = None if one.seen_utc is None else _since(one.seen_utc, now_s)
    state: RigPresence = "reporting"
    if quiet_s is None or quiet_s > limits.forget_after_s:
        state = "gone"
    elif status is not None and status.state == "offline" and quiet_s > limits.offline_after_s:
        state = "offline"
    elif quiet_s > limits.silent_after_s:
        own_s = limits.silent_after_reports * (interval_s(one) or 0.0)
        if quiet_s > own_s:
            stopped = status is not None and status.state == "stopped"
            state = "stopped" if stopped else "silent"
    return Presence(one.rig, state, quiet_s, one.seen_utc)


def _unstored(
    statuses: Mapping[str, Status], known: set[str], limits: Limits, now_s: float
) -> Iterator[Presence]:
    """Rigs that say they are there, and of which nothing was ever stored."""
    for rig, status in statuses.items():
        if rig in known or status.state != "online":
            continue
        quiet_s = None if status.since_utc is None else _since(status.since_utc, now_s)
        late = quiet_s is not None and quiet_s > limits.silent_after_s
        yield Presence(rig, "silent" if late else "reporting", quiet_s, None)


def _since(moment: str, now_s: float) -> float:
    return max(0.0, now_s - parse_utc_ns(moment) / _NS)


def _name(one: Presence) -> str:
    return one.rig
