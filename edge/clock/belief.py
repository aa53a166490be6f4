"""What the answers so far make of boot time: the map, and whether it is still confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.clock.base import PERSUADED_NS
from edge.clock.disturbance import (
    SUSPENDED,
    Disturbance,
    first_map,
    with_break,
    with_breaks,
    with_early,
)
from edge.clock.drift import estimate
from edge.clock.knot import CORRECTED, Knot, Rate, Resolved
from edge.clock.leap import LEAP, LEAP_S, due_ns
from edge.clock.map import ClockMap
from edge.clock.selection import Selection, Statement, most_false, select
from edge.clock.server import Server

GOOD_POLLS = 8
"""Polls for which a selection is good, as a server's answer is for its eight reach bits."""

PATIENCE = 4
"""Polls after which a silent server is given up: as many as the burst at the start has."""

_QUIET_NS = 60 * 1_000_000_000
"""After a push it takes so long until a daemon's correction is steady again."""

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
        1 or 2 where a server of the majority announces a leap second.
    leap_due_ns : int or None
        When that is due, in UTC.
    why : str
        Why there is no majority.
    past : tuple of Disturbance
        What happened to boot time so far.
    voices : int
        How many confirmed the map the last time.
    waiting : int
        Servers that are still to be heard.
    corrected : bool
        Whether a daemon corrected the system's clock.
    """

    map: ClockMap | None = None
    selection: Selection | None = None
    confirmed_ns: int = 0
    good_for_ns: int = 0
    surprises: int = 0
    leap: int = 0
    leap_due_ns: int | None = None
    why: str = "no server has answered yet"
    past: tuple[Disturbance, ...] = ()
    voices: int = 0
    waiting: int = 0
    corrected: bool = False

    @property
    def rate(self) -> Rate:
        """Drift of boot time as last estimated."""
        return Rate() if self.map is None else self.map.knots[-1].rate

    def is_fresh(self, now_ns: int) -> bool:
        """Whether a majority confirmed it lately."""
        return self.selection is not None and now_ns - self.confirmed_ns <= self.good_for_ns

    def may_have_leapt(self, here: Resolved) -> bool:
        """Whether an announced leap second, of which the map does not know, may be over by then."""
        return self.leap_due_ns is not None and here.high_ns >= self.leap_due_ns

    def resolve(self, chain: ClockMap, boot_ns: int) -> Resolved:
        """UTC of an instant by its map, with the doubt of a leap second that may be over."""
        here = chain.resolve(boot_ns)
        if not self.may_have_leapt(here):
            return here
        return replace(here, bound_s=here.bound_s + LEAP_S)


def judge(
    belief: Belief,
    servers: Sequence[Server],
    now_ns: int,
    *,
    corrected: bool = False,
    patience: int = PATIENCE,
) -> Belief:
    """Take in what the servers say now.

    Servers that were not heard yet, or not since an outage, count as voices against until they were
    asked a few times: the first to answer may be the one that is wrong.

    Parameters
    ----------
    corrected : bool
        Whether a daemon corrects the system's clock: boot time then has no drift of its own that
        could be learned.
    patience : int
        Polls for which a server that is silent is waited for.
    """
    heard = {
        index: best
        for index, server in enumerate(servers)
        if server.reach and (best := server.best(now_ns, belief.rate)) is not None
    }
    statements = [
        Statement(str(index), *one.at(now_ns, belief.rate)) for index, one in heard.items()
    ]
    waiting = sum(_is_waited_for(server, patience) for server in servers)
    selection = select(statements, len(statements) + waiting, len(servers))
    if selection is None:
        why = _why(len(statements), waiting)
        return replace(belief, selection=None, why=why, waiting=waiting)
    if _is_overreach(belief, selection, len(servers), now_ns):
        why = f"{len(selection.survivors)} of {len(servers)} servers alone are not believed yet"
        return replace(belief, selection=None, why=why, waiting=waiting)
    named = _named(selection, servers)
    chain, surprised = _grown(belief, named, now_ns)
    if not corrected:
        chain = _with_rate(chain, estimate(chain.knots))
    elif belief.corrected and not (belief.past and now_ns - belief.past[-1].end_ns < _QUIET_NS):
        chain = _with_rate(chain, CORRECTED)
    survivors = [servers[int(index)] for index in selection.survivors]
    leap = max(heard[int(index)].leap for index in selection.survivors)
    return Belief(
        map=chain,
        selection=named,
        confirmed_ns=max(server.samples[-1].boot_ns for server in survivors),
        good_for_ns=int(GOOD_POLLS * max(one.polling.poll_s for one in survivors) * 1e9),
        surprises=belief.surprises + surprised,
        leap=leap,
        leap_due_ns=due_ns(now_ns + selection.chosen.offset_ns) if leap else None,
        why="",
        past=belief.past,
        voices=len(survivors),
        waiting=waiting,
        corrected=corrected,
    )


def disturbed(belief: Belief, what: Disturbance) -> Belief:
    """From now on the error is larger, and the drift of before is not known any more.

    A suspend ends the trust in the last selection, too.
    """
    chain = None if belief.map is None else with_break(belief.map, what)
    lost = replace(belief, map=chain, past=with_early(belief.past, what))
    if what.source == LEAP:
        return replace(lost, leap_due_ns=None)
    return replace(lost, selection=None, why="was suspended") if what.source == SUSPENDED else lost


def leap_of(belief: Belief, now_ns: int) -> list[Disturbance]:
    """What an announced leap second does to the time, where it is due."""
    if belief.map is None or not belief.may_have_leapt(belief.map.resolve(now_ns)):
        return []
    return [Disturbance(belief.map.knots[-1].boot_ns, now_ns, LEAP_S, LEAP)]


def _is_waited_for(server: Server, patience: int) -> bool:
    """Whether a server is to be heard before others are believed."""
    if server.reach:
        return not server.samples  # it answered before a suspend
    if server.refused:
        return False
    # Who wants to be asked seldom would be waited for too long.
    return server.unheard < (patience if server.polling.hurried else 1)


def _is_overreach(belief: Belief, selection: Selection, servers: int, now_ns: int) -> bool:
    """Whether all who are left may be false, and more said before what the map knows.

    The others may be gone for good: after a day those who are left are believed.
    """
    voices = len(selection.survivors)
    if belief.map is None or voices > most_false(servers) or voices >= belief.voices:
        return False
    return now_ns - belief.confirmed_ns <= PERSUADED_NS


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


def _grown(belief: Belief, selection: Selection, now_ns: int) -> tuple[ClockMap, bool]:
    """The map with the selection in it, and whether that was a surprise."""
    old, chosen = belief.map, selection.chosen
    here = Knot(now_ns, now_ns + chosen.offset_ns, selection.bound_s, chosen.name)
    if old is None:
        return first_map(here, belief.past), False
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
    if now_ns > old.knots[-1].boot_ns and here.error_s < _BETTER * old.resolve(now_ns).bound_s:
        return old.with_knot(here), False
    return old, False


def _behind(chain: ClockMap, knot: Knot) -> Knot:
    """The knot, or a ns behind the last where a break was put in at this very instant."""
    late_ns = max(chain.knots[-1].boot_ns + 1 - knot.boot_ns, 0)
    return replace(knot, boot_ns=knot.boot_ns + late_ns, utc_ns=knot.utc_ns + late_ns)


def _with_rate(chain: ClockMap, rate: Rate) -> ClockMap:
    return chain if rate == chain.knots[-1].rate else chain.with_rate(rate)
