"""Dark frames with particles in them: what a proof of the real loop is checked against."""

from __future__ import annotations

import itertools
import random
from typing import Any

from numpy.typing import NDArray

from tests.edge.stacks import dark

FRAMES, FPS, FIRST = 450, 30.0, 40
MOST_RUNS = 29
HEIGHT, WIDTH, EDGE, GRID = 96, 128, 12, 8
Place = tuple[int, int, int]
"""Frame, row and column."""


def frames(number: int) -> tuple[NDArray[Any], frozenset[Place]]:
    """Dark frames with particles in some, no two at one place, and none as in another run."""
    chance = random.Random(f"truth {number}")
    pixels = dark(FRAMES, HEIGHT, WIDTH, seed=number + 1)
    grid = itertools.product(range(EDGE, HEIGHT - EDGE, GRID), range(EDGE, WIDTH - EDGE, GRID))
    places = list(enumerate(grid))
    chance.shuffle(places)
    truth, frame = set(), FIRST
    while frame < FRAMES - 5:
        fits = [one for one in places if (frame + one[0]) % MOST_RUNS == number]
        if not fits:
            frame += 1
            continue
        places.remove(fits[0])
        _, (y, x) = fits[0]
        pixels[frame, y : y + 2, x : x + 2] = 900
        pixels[frame, y, x] = 950
        truth.add((frame, y, x))
        frame += chance.randint(6, 12)
    return pixels, frozenset(truth)


def at_ns(place: Place) -> int:
    """When it is due, from the first frame on."""
    return round(place[0] / FPS * 1e9)
