"""The frequency of boot time against UTC, from the knots of the map.

The slope between two knots can be off by the sum of their errors over the time between; the pair
that tells most is taken. A line fitted to all would look better by far more than it is: the larger
part of an error is the path's asymmetry, which is the same in every sample and does not average
out, and a fit's own error bar knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.clock.knot import FREE, Knot, Rate

WANDER = 8e-6
"""What a crystal's frequency changes by: some 0.2 ppm for each of 40 degrees.

So far a small computer warms up at its start. The floor of the growth: however well the mean
frequency of the past is known, the next hour's differs from it.
"""

_LEAST_KNOTS = 4
_LEAST_SPAN_NS = 600 * 1_000_000_000
_MOST_SPAN_NS = 6 * 3600 * 1_000_000_000
"""Over more than this the mean frequency is that of other temperatures."""


def estimate(knots: Sequence[Knot]) -> Rate:
    """Rate by the knots since the last break; the free-running limits where they tell no more."""
    chain = _unbroken(knots)
    if len(chain) < _LEAST_KNOTS:
        return Rate()
    last = min(chain[-_LEAST_KNOTS:], key=lambda knot: knot.error_s)
    best = Rate()
    for first in chain:
        span_ns = last.boot_ns - first.boot_ns
        if _LEAST_SPAN_NS <= span_ns <= _MOST_SPAN_NS:
            half = (first.error_s + last.error_s) / (span_ns * 1e-9)
            if half + WANDER < best.growth:
                drift = (last.utc_ns - first.utc_ns - span_ns) / span_ns
                best = Rate(drift, half + WANDER)
    return best if best.growth < FREE else Rate()


def _unbroken(knots: Sequence[Knot]) -> Sequence[Knot]:
    for index in range(len(knots) - 1, 0, -1):
        if not knots[index].joined:
            return knots[index:]
    return knots
