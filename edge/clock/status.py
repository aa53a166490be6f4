"""What a clock tells of itself, for `health` and `doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from edge.clock.base import ClockState, Stamp
from edge.clock.belief import Belief
from edge.clock.server import Server
from edge.clock.watch import LocalClocks

Verdict: TypeAlias = Literal["chosen", "agrees", "falseticker", "no majority", "silent", "waiting"]


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server.

    Attributes
    ----------
    reach : int
        The last eight polls as bits, the newest lowest.
    offset_s : float or None
        How far its time is from what is believed; positive is ahead.
    why : str
        Why it gave no time the last time; "" where it did.
    """

    name: str
    address: str
    verdict: Verdict
    asked: int
    answered: int
    reach: int
    poll_s: float
    stratum: int | None
    delay_s: float | None
    offset_s: float | None
    bound_s: float | None
    why: str
    denied: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClockStatus:
    """A clock and its servers; `why` says why no majority was found, `leap` is NTP's 0, 1 or 2."""

    state: ClockState
    uncertainty_s: float | None
    chosen: str | None
    drift_ppm: float
    drift_uncertainty_ppm: float
    steps: int
    last_step_s: float
    suspends: int
    surprises: int
    leap: int
    why: str
    servers: tuple[ServerStatus, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return asdict(self)


def status_of(
    stamp: Stamp, belief: Belief, servers: Sequence[Server], local: LocalClocks, now_ns: int
) -> ClockStatus:
    """Put together what is known at `now_ns`."""
    rate = belief.rate
    return ClockStatus(
        state=stamp.state,
        uncertainty_s=stamp.uncertainty_s,
        chosen=belief.selection.chosen.name if belief.selection else None,
        drift_ppm=rate.drift * 1e6,
        drift_uncertainty_ppm=rate.growth * 1e6,
        steps=local.steps,
        last_step_s=local.last_step_s,
        suspends=local.suspends,
        surprises=belief.surprises,
        leap=belief.leap,
        why=belief.why,
        servers=tuple(_server(one, belief, now_ns) for one in servers),
    )


def _server(server: Server, belief: Belief, now_ns: int) -> ServerStatus:
    best = server.best(now_ns, belief.rate) if server.reach else None
    offset_s = None
    if best is not None and belief.map is not None:
        here_ns = belief.map.resolve(best.boot_ns).utc_ns
        offset_s = (best.boot_ns + best.offset_ns - here_ns) * 1e-9
    return ServerStatus(
        name=server.name,
        address=str(server.address or ""),
        verdict=_verdict(server, belief),
        asked=server.asked,
        answered=server.answered,
        reach=server.reach,
        poll_s=server.polling.poll_s,
        stratum=best.stratum if best else None,
        delay_s=best.delay_s if best else None,
        offset_s=offset_s,
        bound_s=best.at(now_ns, belief.rate)[1] if best else None,
        why=server.error,
        denied=tuple(sorted(str(address) for address in server.denied)),
    )


def _verdict(server: Server, belief: Belief) -> Verdict:
    if not server.finished:
        return "waiting"
    if not server.reach:
        return "silent"
    if belief.selection is None:
        return "no majority"
    if server.name == belief.selection.chosen.name:
        return "chosen"
    return "falseticker" if server.name in belief.selection.falsetickers else "agrees"
