"""What the answers so far make of boot time: the map, and whether it is still confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.clock.disturbance import (
    SUSPENDED,
    Disturbance,
    first_map,
    with_break,
    with_breaks,
    with_early,
)
from edge.clock.drift import estimate
from edge.clock.exchange import Sample
from edge.clock.map import ClockMap, Knot, Rate
from edge.clock.selection import Selection, Statement, select
from edge.clock.server import Server

GOOD_POLLS = 8
"""Polls for which a selection is good, as a server's answer is for its eight reach bits."""

# A knot that says no more than the map does is none.
_BETTER = 0.99


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed at one moment; replaced as a whole.

    Attributes
    ----------
    map : ClockMap or None
        None before the first selection.
    selection : Selection or None
        The last vote; None where no majority agreed.
    confirmed_ns, good_for_ns : int
        Boot time of the newest answer of the majority, and for how long that is good.
    surprises : int
        How often the majority contradicted the map.
    leap : int
        1 or 2 where the chosen server announces a leap second.
    why : str
        Why there is no majority.
    past : tuple of Disturbance
        What happened to boot time so far.
    """

    map: ClockMap | None = None
    selection: Selection | None = None
    confirmed_ns: int = 0
    good_for_ns: int = 0
    surprises: int = 0
    leap: int = 0
    why: str = "no server has answered yet"
    past: tuple[Disturbance, ...] = ()

    @property
    def rate(self) -> Rate:
        """Drift of boot time as last estimated."""
        return Rate() if self.map is None else self.map.knots[-1].rate

    def is_fresh(self, now_ns: int) -> bool:
        """Whether a majority confirmed it lately."""
        return self.selection is not None and now_ns - self.confirmed_ns <= self.good_for_ns


def judge(
    belief: Belief, servers: Sequence[Server], now_ns: int, *, corrected: bool = False
) -> Belief:
    """Take in what the servers say now.

    Servers that were not heard or given up yet count as voices against: the first to answer may be
    the one that is wrong.

    Parameters
    ----------
    corrected : bool
        Whether a daemon corrects the system's clock: boot time then has no drift of its own that
        could be learned.
    """
    heard = {
        index: best
        for index, server in enumerate(servers)
        if server.reach and (best := server.best(now_ns)) is not None
    }
    statements = [_statement(str(index), one, belief.rate, now_ns) for index, one in heard.items()]
    waiting = sum(
        not server.finished or bool(server.reach and not server.samples) for server in servers
    )
    selection = select(statements, len(statements) + waiting)
    if selection is None:
        return replace(belief, selection=None, why=_why(len(statements), waiting))
    sample = heard[int(selection.chosen.name)]
    named = _named(selection, servers)
    chain, surprised = _grown(belief, named, sample, now_ns)
    if not corrected:
        chain = _with_drift(chain)
    survivors = [servers[int(index)] for index in selection.survivors]
    return Belief(
        map=chain,
        selection=named,
        confirmed_ns=max(server.samples[-1].boot_ns for server in survivors),
        good_for_ns=int(GOOD_POLLS * max(one.polling.poll_s for one in survivors) * 1e9),
        surprises=belief.surprises + surprised,
        leap=sample.leap,
        why="",
        past=belief.past,
    )


def disturbed(belief: Belief, what: Disturbance) -> Belief:
    """From now on the error is larger, and the drift of before is not known any more.

    A suspend ends the trust in the last selection, too.
    """
    chain = None if belief.map is None else with_break(belief.map, what)
    lost = replace(belief, map=chain, past=with_early(belief.past, what))
    return replace(lost, selection=None, why="was suspended") if what.source == SUSPENDED else lost


def _statement(name: str, sample: Sample, rate: Rate, now_ns: int) -> Statement:
    drifted_ns = round((now_ns - sample.boot_ns) * rate.drift)
    return Statement(name, sample.offset_ns + drifted_ns, sample.bound_at(now_ns))


def _named(selection: Selection, servers: Sequence[Server]) -> Selection:
    def names(indices: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(servers[int(index)].name for index in indices)

    chosen = replace(selection.chosen, name=servers[int(selection.chosen.name)].name)
    return replace(
        selection,
        chosen=chosen,
        survivors=names(selection.survivors),
        falsetickers=names(selection.falsetickers),
    )


def _why(answering: int, waiting: int) -> str:
    if waiting:
        return f"{waiting} servers are still to be heard"
    if not answering:
        return "no server answers"
    return f"no majority of the {answering} servers that answer agrees"


def _grown(
    belief: Belief, selection: Selection, sample: Sample, now_ns: int
) -> tuple[ClockMap, bool]:
    """The map with the selection in it, and whether that was a surprise."""
    old, chosen = belief.map, selection.chosen
    extra_s = selection.bound_s - chosen.bound_s
    knot = Knot(
        sample.boot_ns, sample.boot_ns + sample.offset_ns, sample.bound_s + extra_s, chosen.name
    )
    here = Knot(now_ns, now_ns + chosen.offset_ns, selection.bound_s, chosen.name)
    if old is None:
        # A sample of before a disturbance was widened for it: it speaks of now.
        late = any(what.end_ns > knot.boot_ns for what in belief.past)
        return first_map(here if late else knot, belief.past), False
    low_ns, high_ns = now_ns + selection.low_ns, now_ns + selection.high_ns
    if not old.agrees(now_ns, low_ns, high_ns):
        # What a server said that is now known to be false goes; else the clock itself has jumped.
        left = old.before(frozenset(selection.falsetickers))
        if left is None:
            return first_map(here, belief.past), True
        left = with_breaks(left, belief.past)
        if not left.agrees(now_ns, low_ns, high_ns):
            return left.with_knot(_behind(left, replace(here, joined=False))), True
        old = left
    if knot.boot_ns > old.knots[-1].boot_ns:
        return old.with_knot(knot), False
    if now_ns > old.knots[-1].boot_ns and here.error_s < _BETTER * old.resolve(now_ns).bound_s:
        return old.with_knot(here), False
    return old, False


def _behind(chain: ClockMap, knot: Knot) -> Knot:
    """The knot, or a ns behind the last where a break was put in at this very instant."""
    late_ns = max(chain.knots[-1].boot_ns + 1 - knot.boot_ns, 0)
    return replace(knot, boot_ns=knot.boot_ns + late_ns, utc_ns=knot.utc_ns + late_ns)


def _with_drift(chain: ClockMap) -> ClockMap:
    rate = estimate(chain.knots)
    return chain if rate == chain.knots[-1].rate else chain.with_rate(rate)
