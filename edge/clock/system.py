"""The operating system's clock, as good as its daemon says it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from edge.clock.base import (
    PERSUADED_NS,
    UNSYNCED_BOUND_S,
    Stamp,
    boottime_ns,
    drift_s,
    read_boot_id,
)
from edge.clock.kernel import kernel_max_error_s
from edge.clock.reading import Reading, read_clocks
from edge.clock.trace import Trace
from edge.clock.watch import STEP_NS

_DAY_NS = 86_400 * 1_000_000_000
_OFTEN_NS = 20_000_000
_LEAP_NS = 10_000_000_000
"""At the start of a day of UTC the clocks are compared often: a leap second may have come."""

_SAME_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Look:
    """The clocks, and how good the system's is; one value, so that no thread sees halves of two."""

    clocks: Reading
    max_error_s: float | None
    word: float | None
    unsure_s: float = 0.0
    """What a suspend or a step of the clock adds until its daemon has spoken of it anew."""


class SystemClock:
    """The operating system's clock, and its daemon's or the kernel's word on how good it is.

    The word is on the clock as it was set when it was given: after a suspend, or where somebody
    sets the clock, the bound holds that much more until a better word comes.

    Parameters
    ----------
    refresh_s : float
        Age at which the comparison of the clocks is made again.
    max_error_s : callable
        The bound by the word; None or 16 s and more: unsynced, and nobody can state a bound, since
        a clock that was never set may be off by years.
    floor_s : int
        Unix time that surely is past (`edge.clock.kept`): a clock before it is not believed, unless
        it is called good and goes on for a day; then the floor was wrong.
    source : callable
        Who gives the word.
    renewed : callable
        Tells words apart by when the clock was last compared with a source; None: unknown, and a
        bound that has become smaller is a new word.
    read : callable
        Reads this computer's clocks.
    """

    def __init__(
        self,
        refresh_s: float = 4.0,
        max_error_s: Callable[[], float | None] = kernel_max_error_s,
        floor_s: int = 0,
        *,
        source: Callable[[], str] = lambda: "the kernel",
        renewed: Callable[[], float | None] = lambda: None,
        read: Callable[[], Reading] = read_clocks,
    ) -> None:
        self._floor_ns = floor_s * 1_000_000_000
        self._doubted: Reading | None = None
        self._refresh_ns = int(refresh_s * 1e9)
        self._max_error_s, self._source, self._read = max_error_s, source, read
        self._renewed = renewed
        self._boot_id = read_boot_id()
        self._trace = Trace()
        self._lock = threading.Lock()
        self._seen = self._look(None)

    @property
    def boot_id(self) -> str | None:
        """The kernel's id of this boot."""
        return self._boot_id

    @property
    def source(self) -> str:
        """Who says how good it is."""
        return self._source()

    def boottime_ns(self) -> int:
        """Now, on CLOCK_BOOTTIME."""
        return boottime_ns()

    def stamp(self, time_ns: int) -> Stamp:
        """Date an instant of boot time, past or near future."""
        return self._over(time_ns, time_ns)

    def is_known(self) -> bool:
        """Whether the system's clock is set and its error bounded."""
        return self.stamp(boottime_ns()).state != "unsynced"

    def message(self, from_boot_ns: int, to_boot_ns: int) -> dict[str, Any] | None:
        """Body of a ``clock`` message: boot time as UTC by the system's clock of now."""
        from edge.messages.utc import format_utc_ns

        end, over = self.stamp(to_boot_ns), self._over(from_boot_ns, to_boot_ns)
        if self._boot_id is None or end.state == "unsynced":
            return None
        return {
            "boot_id": self._boot_id,
            "reference_boot_ns": to_boot_ns,
            "reference_utc": format_utc_ns(end.utc_ns),
            "rate_ppm": 0.0,
            "from_boot_ns": from_boot_ns,
            "to_boot_ns": to_boot_ns,
            "uncertainty_s": over.uncertainty_s,
            "state": end.state,
            "source": self.source[:128],
        }

    def status(self) -> None:
        """None: it asks no servers itself."""

    def close(self) -> None:
        """Nothing goes on by itself."""

    def _over(self, from_ns: int, to_ns: int) -> Stamp:
        """Date the end of a span, with the bound that holds over all of it."""
        seen, doubt_s = self._fresh(from_ns, to_ns)
        clocks, max_error_s = seen.clocks, seen.max_error_s
        utc_ns = to_ns + clocks.offset_ns
        if not _is_good(max_error_s) or self._is_before_floor(clocks):
            return Stamp(utc_ns, None, "unsynced")
        farther_ns = max(abs(at_ns - clocks.boot_ns) for at_ns in (from_ns, to_ns))
        bound_s = (
            max_error_s
            + seen.unsure_s
            + clocks.half_width_ns * 1e-9
            + drift_s(farther_ns)
            + doubt_s
        )
        if bound_s >= UNSYNCED_BOUND_S:
            return Stamp(utc_ns, None, "unsynced")
        return Stamp(utc_ns, bound_s, "synced")

    def _is_before_floor(self, now: Reading) -> bool:
        """Whether it is before what surely is past, and has not stood by that for a day."""
        if now.wall_ns >= self._floor_ns:
            self._doubted = None
            return False
        doubted = self._doubted
        if doubted is None or abs(now.offset_ns - doubted.offset_ns) > _SAME_NS:
            self._doubted = doubted = now
        return now.boot_ns - doubted.boot_ns < PERSUADED_NS

    def _fresh(self, from_ns: int, to_ns: int) -> tuple[_Look, float]:
        """The last look, or a new one where that is too old; and the doubt on a span by it."""
        with self._lock:
            age_ns = boottime_ns() - self._seen.clocks.boot_ns
            if abs(age_ns) > self._refresh_ns or self._may_leap(age_ns):
                self._seen = self._look(self._seen)
            return self._seen, self._trace.most_doubt_s(from_ns, to_ns)

    def _may_leap(self, age_ns: int) -> bool:
        """Whether the kernel may have put a leap second in since the last look."""
        into_day_ns = (self._seen.clocks.wall_ns + age_ns) % _DAY_NS
        return age_ns > _OFTEN_NS and into_day_ns < _LEAP_NS

    def _look(self, before: _Look | None) -> _Look:
        clocks, max_error_s, word = self._read(), self._max_error_s(), self._renewed()
        asleep_s = self._trace.add(clocks)
        now = _Look(clocks, max_error_s, word)
        if before is None or not (_is_good(before.max_error_s) and _is_good(max_error_s)):
            return now  # what was no word can't have become wrong
        if before.clocks.wall_ns < self._floor_ns <= clocks.wall_ns:
            return now  # nor what was not believed
        unsure_s = 0.0 if _is_newer(now, before) else before.unsure_s
        stepped_ns = abs(clocks.offset_ns - before.clocks.offset_ns)
        stepped_s = stepped_ns * 1e-9 if stepped_ns >= STEP_NS else 0.0
        return replace(now, unsure_s=unsure_s + asleep_s + stepped_s)


def _is_newer(now: _Look, before: _Look) -> bool:
    """Whether the daemon has compared the clock since."""
    if now.word is not None and before.word is not None:
        return now.word != before.word
    return (now.max_error_s or 0.0) < (before.max_error_s or 0.0)


def _is_good(max_error_s: float | None) -> TypeGuard[float]:
    return max_error_s is not None and max_error_s < UNSYNCED_BOUND_S
