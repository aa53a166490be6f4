"""Pixels that blink: what an order stage publishes of two hundred, and what of the particles."""

from __future__ import annotations

import pytest

from tests.edge.stages.streams import Scene, judge


@pytest.mark.parametrize("seed", [0, 1])
def test_two_hundred_telegraph_pixels_leave_the_hits_pure_and_cost_none(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = Scene(240, 320, 20_000, seed)
    scene.add_particles(60)
    scene.add_telegraphs(200)
    there = sum(len(one) for one in scene.pieces.values())
    judged = judge(scene, masked=True)
    with capsys.disabled():
        print(f"\n{judged.true} of {there} particles, {judged.false} false: {judged.purity:.2%}")
    assert judged.purity >= 0.99
    assert judged.true >= 0.995 * there


def test_without_such_pixels_nothing_is_called_one() -> None:
    scene = Scene(240, 320, 10_000, 3)
    scene.add_particles(60)
    judged = judge(scene)
    assert judged.rejected.total() <= 1
    assert judged.false == 0


def test_particles_of_a_lone_pixel_pass_where_telegraph_pixels_are_masked_too_late() -> None:
    scene = Scene(120, 160, 5_000, 4)
    scene.add_telegraphs(100)
    judged = judge(scene)
    assert judged.false <= 4
