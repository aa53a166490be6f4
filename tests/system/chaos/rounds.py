"""Rounds of kill -9 and worse at random moments, from a seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from tests.system.chaos.blows import Blow, NoDisk
from tests.system.chaos.world import World

VICTIMS = ("rig", "broker", "collector", "postgresql")
_SEVERAL = 0.2
_LONG_AWAY = 0.1
_REST_EVERY = 25
_REST_S = 4.0


def go_through(
    world: World, rounds: int, chance: random.Random, blows: Sequence[Blow] = ()
) -> Counter[str]:
    """Do so many rounds; how many there were of each kind.

    Most kill one or several, leave them away for a while and start them again; one in six is a
    blow, each kind as often as the others.
    """
    order = _order(rounds, chance, blows)
    done: Counter[str] = Counter()
    for number, blow in enumerate(order):
        world.wait(chance.uniform(0.05, 1.2))
        if blow is None:
            done[_kill(world, chance)] += 1
        else:
            done[_strike(world, chance, blow)] += 1
        if number % _REST_EVERY == _REST_EVERY - 1:
            world.wait(_REST_S)  # time to come to terms: not all of it may be trouble
    return done


def _strike(world: World, chance: random.Random, blow: Blow) -> str:
    name = blow.__name__.replace("_", " ")
    try:
        blow(world, chance)
    except NoDisk as why:
        return f"{name}: left out, {why}"
    return name


def _order(rounds: int, chance: random.Random, blows: Sequence[Blow]) -> list[Blow | None]:
    special = [blows[n % len(blows)] for n in range(-(-rounds // 6))] if blows else []
    order: list[Blow | None] = [*special, *[None] * (rounds - len(special))]
    chance.shuffle(order)
    return order


def _kill(world: World, chance: random.Random) -> str:
    victims = _victims(chance)
    which = chance.choice([0, 1, chance.randrange(len(world.rigs))])
    for victim in victims:
        world.kill(victim, which)
    world.wait(chance.uniform(1.0, 3.0) if chance.random() < _LONG_AWAY else chance.random() / 2)
    for victim in chance.sample(victims, len(victims)):
        world.start(victim, which)
    return f"kill {victims[0]}" if len(victims) == 1 else f"kill {len(victims)} at once"


def _victims(chance: random.Random) -> list[str]:
    count = chance.randint(2, len(VICTIMS)) if chance.random() < _SEVERAL else 1
    chosen = chance.sample(VICTIMS, count)
    return [one for one in VICTIMS if one in chosen]
