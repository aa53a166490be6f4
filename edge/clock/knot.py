"""Knots of the map from boot time to UTC, and how fast boot time may walk off between them."""

from __future__ import annotations

from dataclasses import dataclass

from edge.clock.base import CRYSTAL_PPM, DRIFT_PPM

FREE = CRYSTAL_PPM * 1e-6
"""How fast the bound grows while the drift is not known, in s per s."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How much faster UTC runs than boot time, and how far that may be off; both in s per s."""

    drift: float = 0.0
    growth: float = FREE


FREELY = Rate()
"""Of a crystal that nobody has measured yet."""

CORRECTED = Rate(0.0, DRIFT_PPM * 1e-6)
"""Of a clock that a daemon corrects."""


@dataclass(frozen=True, slots=True)
class Knot:
    """An instant at which UTC is known.

    Attributes
    ----------
    error_s : float
        Bound of the error here.
    source : str
        Who said it.
    rate : Rate
        What was known of the clock's frequency then; holds back to the knot before.
    joined : bool
        Whether the line from the knot before leads here. False after a suspend, or where the time
        contradicts what was believed before.
    loose_s : float
        How far boot time was pushed since the knot before, all ways added up; where not joined.
    """

    boot_ns: int
    utc_ns: int
    error_s: float
    source: str = ""
    rate: Rate = Rate()
    joined: bool = True
    loose_s: float = 0.0

    def at(self, boot_ns: int, rate: Rate) -> Resolved:
        """Go on from here along a straight line, either way."""
        span_ns = boot_ns - self.boot_ns
        utc_ns = self.utc_ns + span_ns + round(span_ns * rate.drift)
        return Resolved(utc_ns, self.error_s + abs(span_ns) * 1e-9 * rate.growth)


@dataclass(frozen=True, slots=True)
class Resolved:
    """Unix time in ns, and the bound of its error in s."""

    utc_ns: int
    bound_s: float

    @property
    def low_ns(self) -> int:
        """Earliest UTC it can be."""
        return self.utc_ns - round(self.bound_s * 1e9)

    @property
    def high_ns(self) -> int:
        """Latest UTC it can be."""
        return self.utc_ns + round(self.bound_s * 1e9)
