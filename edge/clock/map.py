"""The map from boot time to UTC: a line of straight pieces through knots, with a bound everywhere.

Between two knots UTC is interpolated, and the bound follows from both: each knot's error by its
share, and what the clock may have strayed from the straight line while its frequency stayed within
the limits. After the last knot and before the first, UTC follows the estimated drift and the bound
grows. A map never changes; `with_knot` makes a new one.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from edge.clock.knot import FREE, Knot, Rate, Resolved
from edge.clock.thinning import moved_s, thinned, tightened

_STEEPEST = 1e-3


@dataclass(frozen=True, slots=True)
class ClockMap:
    """Knots in their order, at least one; all of one boot.

    Attributes
    ----------
    forgotten_s : float
        How far breaks may have moved the time of which nothing else is kept, or that nobody saw.
    forgotten_ns : int
        Boot time of the last of these.
    """

    knots: tuple[Knot, ...]
    forgotten_s: float = 0.0
    forgotten_ns: int = 0

    def resolve(self, boot_ns: int) -> Resolved:
        """UTC of an instant of this boot: past, between the knots, or to come."""
        index = bisect_right(self.knots, boot_ns, key=lambda knot: knot.boot_ns)
        if index == 0:
            # Nothing was measured before the first knot: the drift of later need not hold there.
            here = self.knots[0].at(boot_ns, replace(self.knots[0].rate, growth=FREE))
            lost_s = self.forgotten_s if boot_ns < self.forgotten_ns else 0.0
            return replace(here, bound_s=here.bound_s + lost_s)
        before = self.knots[index - 1]
        if index == len(self.knots):
            return before.at(boot_ns, before.rate)
        return _between(before, self.knots[index], boot_ns)

    def agrees(self, boot_ns: int, low_ns: int, high_ns: int) -> bool:
        """Whether UTC from `low_ns` to `high_ns` is possible by this map at an instant."""
        here = self.resolve(boot_ns)
        return here.low_ns <= high_ns and low_ns <= here.high_ns

    def with_knot(self, knot: Knot) -> ClockMap:
        """Add a newer knot; earlier ones gain where it says more of them than they did.

        Raises
        ------
        ValueError
            If it is not newer than the last.
        """
        if knot.boot_ns <= self.knots[-1].boot_ns:
            raise ValueError("a knot of the clock's map must be newer than the last")
        chain = tightened((*self.knots, knot))
        kept = thinned(chain)
        lost_s, first_ns = moved_s(chain, kept[0].boot_ns), kept[0].boot_ns
        if not lost_s:
            return replace(self, knots=kept)
        return ClockMap(kept, self.forgotten_s + lost_s, first_ns)

    def before(self, sources: frozenset[str]) -> ClockMap | None:
        """What was known before some sources first said anything; None where that is nothing."""
        kept: list[Knot] = []
        for knot in self.knots:
            if knot.source in sources:
                break
            kept.append(knot)
        while kept and not kept[-1].joined:  # a break alone tells no time
            kept.pop()
        return replace(self, knots=tuple(kept)) if kept else None

    def without_last(self) -> ClockMap | None:
        """Leave out the last knot; None where nothing is left."""
        return replace(self, knots=self.knots[:-1]) if len(self.knots) > 1 else None

    def with_rate(self, rate: Rate) -> ClockMap:
        """Go on from the last knot at another rate, as learned since the knot before it."""
        return replace(
            self, knots=tightened((*self.knots[:-1], replace(self.knots[-1], rate=rate)))
        )

    def line_over(self, from_boot_ns: int, to_boot_ns: int) -> tuple[Knot, Rate]:
        """One straight line for a span, whose error is how far the truth may be from it there."""
        begin, end = self.resolve(from_boot_ns), self.resolve(to_boot_ns)
        span_ns = to_boot_ns - from_boot_ns
        drift = (end.utc_ns - begin.utc_ns - span_ns) / max(span_ns, 1)
        # Over a jump the line would be steeper than a clock message may say.
        rate = Rate(min(max(drift, -_STEEPEST), _STEEPEST), 0.0)
        # A break says nothing of its own: who spoke last before it did.
        source = next((one.source for one in reversed(self.knots) if one.joined), "")
        line = Knot(from_boot_ns, begin.utc_ns, 0.0, source)
        marks = self._marks(from_boot_ns, to_boot_ns)
        worst_s = max(self._off_s(mark, line.at(mark, rate).utc_ns) for mark in marks)
        return replace(line, error_s=worst_s + self._bulge_s(marks)), rate

    def _bulge_s(self, marks: list[int]) -> float:
        """How far the bound may rise between two marks above the higher end: g T / 2."""
        first_ns, last_ns = self.knots[0].boot_ns, self.knots[-1].boot_ns
        inside = (b - a for a, b in pairwise(marks) if a >= first_ns and b <= last_ns)
        growth = max(knot.rate.growth for knot in self.knots)
        return max(inside, default=0) * 0.5e-9 * growth

    def _marks(self, from_boot_ns: int, to_boot_ns: int) -> list[int]:
        """The ends of a span and where the map bends in it; both sides of a break."""
        inner = {knot.boot_ns for knot in self.knots}
        inner |= {knot.boot_ns - 1 for knot in self.knots if not knot.joined}
        inner |= {self.forgotten_ns, self.forgotten_ns - 1}
        within = {mark for mark in inner if from_boot_ns < mark < to_boot_ns}
        return [from_boot_ns, *sorted(within), to_boot_ns]

    def _off_s(self, boot_ns: int, utc_ns: int) -> float:
        here = self.resolve(boot_ns)
        return abs(here.utc_ns - utc_ns) * 1e-9 + here.bound_s

    def to_json(self, from_boot_ns: int, to_boot_ns: int) -> dict[str, Any]:
        """Fields of a ``clock`` message: one straight line for a span, and its bound there.

        The sender adds ``boot_id`` and ``state``.
        """
        from edge.messages.utc import format_utc_ns

        line, rate = self.line_over(from_boot_ns, to_boot_ns)
        return {
            "reference_boot_ns": line.boot_ns,
            "reference_utc": format_utc_ns(line.utc_ns),
            "rate_ppm": rate.drift * 1e6,
            "from_boot_ns": from_boot_ns,
            "to_boot_ns": to_boot_ns,
            "uncertainty_s": line.error_s,
            "source": line.source[:128],
        }


def _between(before: Knot, after: Knot, boot_ns: int) -> Resolved:
    if not after.joined:
        back = after.at(boot_ns, Rate(after.rate.drift))
        return _hull(before.at(boot_ns, before.rate), back, after.loose_s)
    since_ns, span_ns = boot_ns - before.boot_ns, after.boot_ns - before.boot_ns
    share = since_ns / span_ns
    utc_span_ns = after.utc_ns - before.utc_ns
    utc_ns = before.utc_ns + since_ns + round((utc_span_ns - span_ns) * share)
    # A path whose slope stays within ± growth of some value leaves the chord between its ends by
    # 2 · growth · s (T - s) / T at most.
    stray_s = 2.0 * after.rate.growth * since_ns * 1e-9 * (1.0 - share)
    return Resolved(utc_ns, before.error_s * (1.0 - share) + after.error_s * share + stray_s)


def _hull(one: Resolved, other: Resolved, loose_s: float) -> Resolved:
    low_ns, high_ns = min(one.low_ns, other.low_ns), max(one.high_ns, other.high_ns)
    return Resolved((low_ns + high_ns) // 2, (high_ns - low_ns) * 0.5e-9 + 1e-9 + loose_s)
