"""Rounds of kill -9 at random moments, from a seed."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from tests.system.chaos.world import World

VICTIMS = ("rig", "broker", "collector", "postgresql")
_SEVERAL = 0.2
_LONG_AWAY = 0.1


@dataclass(slots=True)
class Tally:
    """Rounds done, by who was killed in them."""

    by_victims: Counter[str] = field(default_factory=Counter)

    @property
    def rounds(self) -> int:
        """All of them."""
        return sum(self.by_victims.values())


def kill_at_random(world: World, rounds: int, chance: random.Random) -> Tally:
    """Kill one or several, leave them away for a while, start them again; over and over."""
    tally = Tally()
    for number in range(rounds):
        world.wait(chance.uniform(0.05, 1.2))
        victims = _victims(chance)
        tally.by_victims[" + ".join(victims)] += 1
        which = chance.randrange(len(world.rigs))
        for victim in victims:
            world.kill(victim, which)
        world.wait(
            chance.uniform(1.0, 3.0) if chance.random() < _LONG_AWAY else chance.random() / 2
        )
        for victim in chance.sample(victims, len(victims)):
            world.start(victim, which)
        if number % 25 == 24:
            world.wait(4.0)  # time to come to terms: not all of it may be trouble
    return tally


def _victims(chance: random.Random) -> list[str]:
    count = chance.randint(2, len(VICTIMS)) if chance.random() < _SEVERAL else 1
    chosen = chance.sample(VICTIMS, count)
    return [one for one in VICTIMS if one in chosen]
