"""All rigs of a rehearsal: they make hits, lose their connections, and must lose nothing else."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.delivery import BrokerAddress
from edge.errors import BadUse
from edge.fleet.made import MadeHits
from edge.fleet.rig import FleetRig

_FILES_OF_A_RIG = 8
_SPARE_FILES = 64
_REST_S = 0.02
Told = Callable[["Fleet"], None]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is rehearsed.

    Attributes
    ----------
    rigs, hits : int
        How many, and how many hits of each.
    over_s : float
        Time over which the hits are made; 0: all before the first connection.
    outages : float
        Mean number of cut connections of each rig, in the time the hits are made.
    away_s : float
        How long a cut connection stays away.
    crop_px : int
        Edge of the hits' crops.
    ack_timeout_s, patience_s : float
        As a rig's; and how long the end is waited for.
    seed : int
    """

    rigs: int
    hits: int
    over_s: float = 0.0
    outages: float = 0.0
    away_s: float = 2.0
    crop_px: int = 60
    ack_timeout_s: float = 30.0
    patience_s: float = 120.0
    seed: int = 0


class Fleet:
    """Simulated rigs, all in this thread.

    Parameters
    ----------
    plan : Rehearsal
    broker : BrokerAddress
    folder : Path
        State folders of the rigs are made in it.
    """

    def __init__(self, plan: Rehearsal, broker: BrokerAddress, folder: Path) -> None:
        self._plan = plan
        self._chance = random.Random(plan.seed)  # noqa: S311
        self._made = MadeHits(plan.crop_px, plan.seed)
        allow_files(plan.rigs * _FILES_OF_A_RIG + _SPARE_FILES)
        tls = broker.tls_context()
        self.rigs: list[FleetRig] = []
        with ExitStack() as opened:
            for n in range(1, plan.rigs + 1):
                name = f"fleet-{n:05}"
                rig = FleetRig(name, folder / name, broker, tls, plan.ack_timeout_s)
                opened.callback(rig.close, time.monotonic())
                self.rigs.append(rig)
            opened.pop_all()
        self.hits_made = 0
        self._carried = sum(rig.outbox.counts().owed.get("hit", 0) for rig in self.rigs)
        self.cuts = 0

    @property
    def acknowledged(self) -> int:
        """Hits that the server has confirmed."""
        return sum(rig.outbox.hits_acknowledged for rig in self.rigs)

    @property
    def connected(self) -> int:
        """Rigs that a broker has let in."""
        return sum(rig.connected for rig in self.rigs)

    def run(self, stop: Callable[[], bool], told: Told = lambda fleet: None) -> dict[str, Any]:
        """Make the hits, deliver them, and wait for the server's word on each.

        Returns
        -------
        dict
            ``rigs``, ``hits``, ``acknowledged``, ``owed``, ``lost``: hits = acknowledged + owed +
            lost; ``connections``, ``cuts``, ``resent``, ``seconds``, ``per_s`` and ``errors``.
        """
        plan, begun = self._plan, time.monotonic()
        last = begun
        self._make(0.0)
        while not stop():
            now = time.monotonic()
            self._make(now - begun)
            self._cut(now, now - last, making=now - begun < plan.over_s)
            last = now
            for rig in self.rigs:
                rig.turn(time.monotonic())
                if stop() or time.monotonic() - begun > plan.over_s + plan.patience_s:
                    break  # connecting may take ten seconds for each
            told(self)
            done = self.hits_made == plan.rigs * plan.hits and self._delivered()
            if done or now - begun > plan.over_s + plan.patience_s:
                break
            time.sleep(_REST_S if self.connected == len(self.rigs) else 0.0)
        return self._summary(time.monotonic() - begun)

    def close(self) -> None:
        """Let all rigs say goodbye."""
        for rig in self.rigs:
            rig.close(time.monotonic())

    def _delivered(self) -> bool:
        return all(rig.outbox.is_empty for rig in self.rigs)

    def _make(self, elapsed_s: float) -> None:
        """Make what is due by now, spread evenly over the rigs."""
        plan = self._plan
        share = min(elapsed_s / plan.over_s, 1.0) if plan.over_s > 0 else 1.0
        due = round(share * plan.rigs * plan.hits)
        waiting: dict[int, int] = {}
        for number in range(self.hits_made, due):
            waiting[number % plan.rigs] = waiting.get(number % plan.rigs, 0) + 1
        for which, count in waiting.items():
            self.rigs[which].outbox.commit([self._made.draft(n) for n in range(count)])
        self.hits_made = due

    def _cut(self, now_s: float, span_s: float, *, making: bool) -> None:
        plan = self._plan
        if not making or plan.outages <= 0 or plan.over_s <= 0:
            return
        chance = plan.outages * span_s / plan.over_s
        for rig in self.rigs:
            if rig.connected and self._chance.random() < chance:
                rig.cut(now_s, plan.away_s * self._chance.uniform(0.5, 1.5))
                self.cuts += 1

    def _summary(self, seconds: float) -> dict[str, Any]:
        lost = sum(rig.outbox.counts().hits_lost for rig in self.rigs)
        acknowledged = self.acknowledged
        hits = self.hits_made + self._carried  # with those of a run before, in a kept folder
        return {
            "rigs": len(self.rigs),
            "hits": hits,
            "acknowledged": acknowledged,
            "owed": hits - acknowledged - lost,
            "lost": lost,
            "connections": sum(rig.connections for rig in self.rigs),
            "cuts": self.cuts,
            "resent": sum(rig.resent for rig in self.rigs),
            "seconds": round(seconds, 2),
            "per_s": round(acknowledged / seconds, 1) if seconds > 0 else 0.0,
            "errors": sorted({rig.error for rig in self.rigs if rig.error})[:5],
        }


def allow_files(wanted: int) -> None:
    """Let this process have so many files open.

    Raises
    ------
    BadUse
        The system allows fewer: one line with what would do.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BadUse(f"so many rigs need {wanted} open files, {hard} are allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
