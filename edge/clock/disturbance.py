"""What a suspend or a daemon's slew does to the map: a break, and more doubt behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.clock.base import ASLEEP_RATE, ASLEEP_S
from edge.clock.exchange import Sample
from edge.clock.knot import Knot, Rate
from edge.clock.map import ClockMap
from edge.clock.reading import Reading
from edge.clock.watch import STEP_NS, Change

SLEWED = "slewed"
SUSPENDED = "suspended"
UNSEEN = "unseen"

# A slew takes many looks: one break for all within a minute.
_JOIN_NS = 60_000_000_000
_REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A span of boot time in which it did not run as usual, and by how much at most."""

    begin_ns: int
    end_ns: int
    error_s: float
    source: str


def disturbances(change: Change, now_ns: int) -> list[Disturbance]:
    """What a look at the computer's clocks tells."""
    found = []
    if change.slewed_ns:
        found.append(Disturbance(change.since_ns, now_ns, change.slewed_ns * 1e-9, SLEWED))
    if change.asleep_ns:
        error_s = ASLEEP_S + change.asleep_ns * 1e-9 * ASLEEP_RATE
        found.append(Disturbance(change.since_ns, now_ns, error_s, SUSPENDED))
    return found


def before_start(begun: Reading) -> tuple[Disturbance, ...]:
    """What daemons did to boot time before this program was there to see it."""
    if abs(begun.pushed_ns) < STEP_NS:
        return ()
    return (Disturbance(0, begun.boot_ns, abs(begun.pushed_ns) * 1e-9, UNSEEN),)


def undisturbed(sample: Sample, asked_ns: int, past: Sequence[Disturbance]) -> Sample | None:
    """What an exchange is worth during which boot time was pushed; None: it slept meanwhile."""
    meanwhile = [what for what in past if what.end_ns > asked_ns and what.begin_ns < sample.boot_ns]
    if any(what.source == SUSPENDED for what in meanwhile):
        return None
    return replace(sample, bound_s=sample.bound_s + sum(what.error_s for what in meanwhile))


def with_break(chain: ClockMap, what: Disturbance) -> ClockMap:
    """Go on behind a break, with as much more doubt."""
    last = chain.knots[-1]
    end_ns = max(what.end_ns, last.boot_ns + 1)
    here = chain.resolve(end_ns)
    again = last.source == what.source == SLEWED and end_ns - last.boot_ns < _JOIN_NS
    left = chain.without_last() if again else None
    knot = Knot(
        end_ns,
        here.utc_ns,
        here.bound_s + what.error_s,
        what.source,
        joined=False,
        loose_s=what.error_s + (last.loose_s if left else 0.0),
    )
    return (left or chain).with_knot(knot)


def with_breaks(chain: ClockMap, those: Sequence[Disturbance]) -> ClockMap:
    """Put in what happened after the last knot."""
    for what in those:
        if what.end_ns > chain.knots[-1].boot_ns:
            chain = with_break(chain, what)
    return chain


def with_early(early: tuple[Disturbance, ...], what: Disturbance) -> tuple[Disturbance, ...]:
    """Remember what happened: a map that begins later, or anew, must know of it."""
    last = early[-1] if early else None
    if last is None or last.source != what.source or what.begin_ns - last.end_ns > _JOIN_NS:
        return (*early, what)[-_REMEMBERED:]
    longer = replace(last, end_ns=what.end_ns, error_s=last.error_s + what.error_s)
    return (*early[:-1], longer)


def first_map(knot: Knot, early: Sequence[Disturbance]) -> ClockMap:
    """The map that begins with a knot, with breaks where boot time was disturbed before it."""
    knots = [knot]
    unseen = next((what for what in early if what.source == UNSEEN), Disturbance(0, 0, 0.0, ""))
    for what in reversed([what for what in early if what.source != UNSEEN]):
        end_ns = min(what.end_ns, knots[0].boot_ns - 1)
        if what.begin_ns >= end_ns:
            continue
        end = knots[0].at(end_ns, Rate())
        begin = knots[0].at(what.begin_ns, Rate())
        doubtful_s = begin.bound_s + what.error_s
        behind = Knot(end_ns, end.utc_ns, end.bound_s, knot.source, joined=False)
        knots[:0] = [
            Knot(what.begin_ns, begin.utc_ns, doubtful_s, knot.source),
            replace(behind, loose_s=what.error_s),
        ]
    return ClockMap(tuple(knots), unseen.error_s, unseen.end_ns)
