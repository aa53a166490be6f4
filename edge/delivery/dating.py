"""Messages of a time before the clock was known: they wait for it, and are dated before they leave.

A computer without a clock of its own starts days in the past and learns the time minutes later.
What it saw meanwhile has its boot time, which is as good as ever; so its UTC follows as soon as the
clock is known, in the same boot. What waited long enough goes out `unsynced`, and a ``clock``
message dates it at the server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge.clock import Clock, ClockState, Stamp
from edge.messages.utc import format_utc_ns, parse_utc_ns

_NS = 1_000_000_000
_LIVE = ("camera", "injection")
"""Origins whose times count; what is simulated waits for nothing."""

_RESTART = "restart"
DATED_KINDS = ("hit", "exposure")
Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dating:
    """Says what has to wait for the clock, and dates what may go.

    Parameters
    ----------
    clock : Clock
        Of the live rig.
    wait_s : float
        Longest wait of a message for the first sync, on boot time since it was made.
    sent_undated : callable
        Told of each message that goes out without, of which the server is to hear later: the first
        boot time in it.
    """

    clock: Clock
    wait_s: float
    sent_undated: Callable[[int], None] = lambda _boot_ns: None

    def is_known(self) -> bool:
        """Whether the clock knows the time now."""
        return self.clock.is_known()

    def today(self) -> int | None:
        """Days since 1970 in UTC, where the clock knows the time and is of a live rig."""
        if self.clock.boot_id is None:
            return None
        now = self.clock.stamp(self.clock.boottime_ns())
        return None if now.state == "unsynced" else now.utc_ns // (86_400 * _NS)

    def must_wait(self, message: Mapping[str, Any]) -> bool:
        """Whether a message should stay until the clock is known."""
        made_ns = self._undated_ns(message)
        if made_ns is None or self.is_known():
            return False
        waited_ns = self.clock.boottime_ns() - made_ns
        # What claims to be of the future, by a camera's fault, would wait for ever.
        return -_NS < waited_ns < self.wait_s * _NS

    def dated(self, message: Message) -> Message | None:
        """Date a message anew; None where it is dated already, or still can't be.

        A hit's window keeps its width and its place about the middle.
        """
        made_ns = self._undated_ns(message)
        if made_ns is None:
            return None
        dated = self._hit(message) if "time_boot_ns" in message else self._exposure(message)
        if dated is None:
            self.sent_undated(int(message.get("from_boot_ns", made_ns)))
        return dated

    def _undated_ns(self, message: Mapping[str, Any]) -> int | None:
        """When, on this boot's time, a message was made that has no good UTC; None: it has."""
        boot_id = self.clock.boot_id
        if boot_id is None or message.get("boot_id") != boot_id:
            return None
        if message.get("origin") not in _LIVE or _state_of(message) != "unsynced":
            return None
        made_ns = message.get("time_boot_ns", message.get("to_boot_ns"))
        return made_ns if isinstance(made_ns, int) else None

    def _hit(self, hit: Message) -> Message | None:
        stamp = self.clock.stamp(hit["time_boot_ns"])
        if stamp.state == "unsynced":
            return None
        moved_ns = stamp.utc_ns - parse_utc_ns(hit["time_utc"])
        moved = {
            name: format_utc_ns(parse_utc_ns(hit[name]) + moved_ns)
            for name in ("time_utc", "window_start_utc", "window_end_utc")
        }
        return {**hit, **moved, "time_uncertainty_s": stamp.uncertainty_s, "clock": stamp.state}

    def _exposure(self, record: Message) -> Message | None:
        begin, end = (self.clock.stamp(record[name]) for name in ("from_boot_ns", "to_boot_ns"))
        if "unsynced" in {begin.state, end.state}:
            return None
        # A record tells of the dead time before its first frame as well.
        before_ns = int(record["dead_time_ns"].get(_RESTART, 0))
        return {
            **record,
            "from_utc": format_utc_ns(begin.utc_ns - before_ns),
            "to_utc": format_utc_ns(end.utc_ns),
            "clock": {"state": end.state, "uncertainty_s": _larger(begin, end)},
        }


def _state_of(message: Mapping[str, Any]) -> ClockState | None:
    """A hit says it plainly, an exposure beside the bound."""
    state = message.get("clock")
    return state.get("state") if isinstance(state, Mapping) else state


def _larger(one: Stamp, other: Stamp) -> float | None:
    if one.uncertainty_s is None or other.uncertainty_s is None:
        return None
    return max(one.uncertainty_s, other.uncertainty_s)
