"""Which knots of the map are kept, and what newer ones tell of older ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from edge.clock.knot import Knot, Rate

_KEPT_NS = 24 * 3600 * 1_000_000_000
_FINE_KNOTS = 32
_COARSE_NS = 300 * 1_000_000_000
_MOST_KNOTS = 512


def tightened(knots: tuple[Knot, ...]) -> tuple[Knot, ...]:
    """Let a knot that knows less than the next one tells of it take that over."""
    chain = list(knots)
    for index in range(len(chain) - 2, -1, -1):
        knot, after = chain[index], chain[index + 1]
        if not after.joined:
            break
        told = after.at(knot.boot_ns, after.rate)
        if told.bound_s >= knot.error_s:
            break
        chain[index] = replace(knot, utc_ns=told.utc_ns, error_s=told.bound_s)
    return tuple(chain)


def thinned(knots: tuple[Knot, ...]) -> tuple[Knot, ...]:
    """Keep a day, of what is older than the newest few the best of each five minutes."""
    last_ns = knots[-1].boot_ns
    kept: list[Knot] = []
    for knot in knots[:-_FINE_KNOTS]:
        if last_ns - knot.boot_ns > _KEPT_NS:
            continue
        same = kept and knot.joined and kept[-1].boot_ns // _COARSE_NS == knot.boot_ns // _COARSE_NS
        if not same:
            kept.append(knot)
        elif knot.error_s < kept[-1].error_s:
            rate, first = _wider(kept[-1], knot), kept[-1]
            kept[-1] = replace(knot, joined=first.joined, loose_s=first.loose_s, rate=rate)
    return (*kept, *knots[-_FINE_KNOTS:])[-_MOST_KNOTS:]


def moved_s(knots: tuple[Knot, ...], first_ns: int) -> float:
    """How far the breaks up to the first knot that is kept may have moved the time."""
    moved_s = 0.0
    for before, after in pairwise(knots):
        if after.boot_ns > first_ns or after.joined:
            continue
        there = before.at(after.boot_ns, before.rate)
        moved_s += abs(there.utc_ns - after.utc_ns) * 1e-9 + there.bound_s + after.loose_s
    return moved_s


def _wider(one: Knot, other: Knot) -> Rate:
    return max(one.rate, other.rate, key=lambda rate: rate.growth)
