"""When a tracker learns changes nothing of what it learns; what grows restless is still seen."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest

from calibration import tracker
from calibration.sample import STRIPES
from tests.calibration.tracked import Floats, Rig, World, flat

PIXEL = (8, 9)
MAPS = ("mean_adu", "sigma_adu", "seed_threshold", "growth_threshold", "look_threshold",
        "masked", "hot")  # fmt: skip
NUMBERS = ("id", "level_adu", "noise_adu", "reference_mean_adu", "temperature_c")


def learned(rig: Rig) -> dict[str, Any]:
    """All that a block was judged by."""
    now = rig.tracker.calibration
    held = {name: getattr(now, name).tobytes() for name in MAPS}
    return {
        **held,
        **{name: getattr(now, name) for name in NUMBERS},
        "watched": rig.tracker.watched.tolist(),
        "limits": (rig.tracker.common.most_noise_square, rig.tracker.common.most_uneven),
    }


def told_by_block(at_once: int, blocks: list[tuple[int, bool]]) -> list[dict[str, Any]]:
    """Let blocks of so many frames pass, some not looked at; tell what holds after each turn."""

    def world(index: int, pixels: Floats) -> None:
        pixels += 0.02 * max(index, 0) ** 0.7
        if index >= 100:
            pixels[20, 30] += 60.0 + 40.0 * (index // 90 % 2)
        if index % 7 == 0:
            pixels[index % 64, 10:14] += 200.0

    with mock.patch.object(tracker, "_LEARNED_AT_ONCE", at_once):
        # Calibrated from few frames, so that what a value weighs changes from block to block.
        rig = Rig(world, frames=45, seed=4, pooled=True)
        rig.noise_at = lambda index: 2.0 if index < 300 else 2.5
        told = []
        for number, (frames, looked) in enumerate(blocks):
            if number == 2:
                rig.tracker.suspect(np.array([flat(20, 30), flat(3, 3)]))
            rig.run(frames, looked=looked)
            rig.run(STRIPES - frames, looked=False)
            told.append(learned(rig))
    return told


@pytest.mark.parametrize("at_once", [2, 3, 8, 64, 1000])
def test_stripes_learned_from_together_teach_what_each_would_have_at_once(at_once: int) -> None:
    blocks = [(64, True), (64, True), (61, True), (1, True), (64, False), (7, True), (9, True)]
    blocks += [(64, True)] * 5
    told = told_by_block(at_once, blocks)
    assert told == told_by_block(1, blocks)
    # Something was learned, or all this would say nothing.
    assert len({one["seed_threshold"] for one in told}) > 8
    assert flat(20, 30) in told[-1]["watched"]


def test_a_block_that_ends_early_has_learned_from_its_last_frame() -> None:
    """One frame more, below the number learned from at once, moves its stripe's baselines."""

    def world(index: int, pixels: Floats) -> None:
        pixels[3] += 4.0 * (index == 3)

    rig = Rig(world, seed=2)
    rig.run(4)
    rig.tracker.turn(64)
    moved = rig.tracker.calibration.mean_adu - rig.base.mean_adu
    assert np.abs(moved[:4]).max(axis=1).min() > 0
    assert not moved[4:].any()


def blocks_until_watched(world: World, most: int, *, seed: int = 1) -> int:
    """Blocks until the pixel is under watch, counted from the first in which it was another."""
    rig = Rig(world, seed=seed, pooled=True)
    assert flat(*PIXEL) not in rig.tracker.watched
    for block in range(most + 1):
        rig.run(STRIPES)
        if flat(*PIXEL) in rig.tracker.watched:
            return block
    raise AssertionError(f"not under watch within {most} blocks")


def risen(index: int, pixels: Floats) -> None:
    if index >= 0:
        pixels[PIXEL] += 5.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_pixel_that_rose_is_watched_soon_and_at_most_three_blocks_later_than_at_once(
    seed: int,
) -> None:
    """By 2.5 sigma, a thing it takes some 30 values of the pixel to be sure of."""
    with mock.patch.object(tracker, "_JUDGED_EVERY", 1):
        soonest = blocks_until_watched(risen, 40, seed=seed)
    assert soonest <= blocks_until_watched(risen, 44, seed=seed) <= soonest + 3


def test_a_pixel_whose_noise_doubles_is_watched_within_a_hundred_blocks() -> None:
    """Three and a half minutes at 30 frames/s: one in 64 frames shows it."""
    own = np.random.default_rng(7)

    def world(index: int, pixels: Floats) -> None:
        if index >= 0:
            pixels[PIXEL] += own.normal(0, 3.5)

    assert blocks_until_watched(world, 100) > 10


def test_every_stripe_is_judged_once_in_four_blocks() -> None:
    """A quarter of them in each block."""
    rig = Rig(seed=3)
    named: list[set[int]] = []
    with mock.patch.object(tracker, "learn", wraps=tracker.learn) as learn:
        for _ in range(8):
            learn.reset_mock()
            rig.run(STRIPES)
            rig.tracker.turn(rig.index)
            asked = [call.args for call in learn.call_args_list]
            assert len(asked) == STRIPES
            named.append({number for number, args in enumerate(asked) if args[3].judges})
    assert all(len(one) == STRIPES // 4 for one in named)
    for first in range(5):
        assert set().union(*named[first : first + 4]) == set(range(STRIPES))
