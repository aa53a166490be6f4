"""A frame and a calibration in, candidates and a sample out: the same however the frame came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calibration.calibrator import Calibrator
from calibration.derive import ThresholdRequest
from calibration.model import Calibration
from edge.pixels.candidates import PixelPass, ScanLimits, ScannedFrame
from edge.pixels.picture import Picture
from edge.pixels.sampler import FrameSampler
from edge.pixels.scan import scan_numpy
from edge.pixels.significance import Significance
from edge.pixels.thresholds import ThresholdMap
from tests.edge.candidates import stamp
from tests.edge.pixels.laid import (
    KINDS,
    Values,
    full_scale,
    laid,
    moved,
    packing_of,
    picture,
    stored,
    without_numba,
)

HEIGHT_PX, WIDTH_PX = 43, 75
LEVEL_ADU, NOISE_ADU = 30.0, 3.0
SCENES = ("dark", "particles", "flood", "bright", "gradient", "crowd")


def dark(random: np.random.Generator, kind: str, level_adu: float = LEVEL_ADU) -> Values:
    pixels = random.normal(level_adu, NOISE_ADU, (HEIGHT_PX, WIDTH_PX))
    pixels[5, 7] += 80  # hot
    made: Values = np.clip(np.rint(pixels), 0, full_scale(kind)).astype(np.uint16)
    return made


@cache
def calibration_of(kind: str) -> Calibration:
    bits = full_scale(kind).bit_length()
    mode = {"width_px": WIDTH_PX, "height_px": HEIGHT_PX, "bit_depth": bits}
    calibrator, random = Calibrator({**mode, "black_level_adu": None}), np.random.default_rng(1)
    for _ in range(120):
        pixels = dark(random, kind)
        calibrator.add(pixels.astype(np.uint8) if kind == "uint8" else pixels)
    return calibrator.finish(ThresholdRequest())


def scene(what: str, kind: str, offset_adu: int, seed: int) -> Values:
    random, most = np.random.default_rng(seed), full_scale(kind)
    values = dark(random, kind, LEVEL_ADU + offset_adu).astype(np.int64)
    if what == "particles":
        for _ in range(random.integers(1, 5)):
            y, x = random.integers(0, HEIGHT_PX), random.integers(0, WIDTH_PX)
            for step in range(random.integers(1, 9)):  # a track, faint in places
                values[min(y + step // 2, HEIGHT_PX - 1), min(x + step, WIDTH_PX - 1)] += int(
                    random.choice([14, 19, 60, min(most, 1023)])
                )
    if what == "crowd":
        values.reshape(-1)[random.choice(values.size, 40, replace=False)] += 25
    if what == "flood":
        values[:] = most
    if what == "bright":
        values += 110
    if what == "gradient":
        values += np.rint(np.linspace(0, 2.5 * NOISE_ADU, WIDTH_PX)).astype(np.int64)
    clipped: Values = np.clip(values, 0, most).astype(np.uint16)
    return clipped


@cache
def pixel_pass(kind: str, compiled: bool) -> PixelPass:
    """One for all frames of a kind, as in a run; its buffers are used again and again."""
    made = calibration_of(kind)
    watched = np.array([0, 5 * WIDTH_PX + 7, 1000, HEIGHT_PX * WIDTH_PX - 1])
    return PixelPass(made, ScanLimits(24, 20), FrameSampler(made, watched, 1.6, 0.9))


def parts(thing: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Everything a result holds, in a form that compares: names, types and bytes."""
    if isinstance(thing, Picture):
        yield from parts(np.ascontiguousarray(thing.plain()), name)
    elif isinstance(thing, np.ndarray):
        yield name, (thing.dtype.str, thing.shape, thing.tobytes())
    elif isinstance(thing, tuple):
        yield name, len(thing)
        for number, one in enumerate(thing):
            yield from parts(one, f"{name}[{number}]")
    elif hasattr(thing, "__dataclass_fields__"):
        for field in fields(thing):
            yield from parts(getattr(thing, field.name), f"{name}.{field.name}")
    else:
        yield name, thing


def everything(scanned: ScannedFrame) -> dict[str, Any]:
    return dict(parts(scanned))


def plain_of(values: Values, kind: str) -> Picture:
    return Picture(values.astype(np.uint8) if kind == "uint8" else values, WIDTH_PX)


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.sampled_from(SCENES),
    st.sampled_from([0, 0, 0, 4, -4, 9, -20]),
    st.sampled_from(["contiguous", "padded", "read-only", "every second row"]),
    st.integers(0, 200),
    st.integers(0, 2**32),
)
@example("mipi10", "particles", 4, "padded", 63, 1)
@example("mipi14", "flood", 0, "contiguous", 7, 1)
def test_a_frame_tells_the_same_packed_or_plain_compiled_or_in_numpy(
    kind: str, what: str, offset_adu: int, layout: str, index: int, seed: int
) -> None:
    values = scene(what, kind, offset_adu, seed)
    plain = plain_of(values, kind)
    seen = Picture(laid(stored(values, kind, 32), layout), WIDTH_PX, packing_of(kind))
    if packing_of(kind) == "none":
        seen = Picture(laid(plain.data, layout), WIDTH_PX)
    expected = everything(pixel_pass(kind, True).scan(plain, stamp(index)))
    assert everything(pixel_pass(kind, True).scan(seen, stamp(index))) == expected
    with without_numba():
        assert everything(pixel_pass(kind, False).scan(seen, stamp(index))) == expected
        assert everything(pixel_pass(kind, False).scan(plain, stamp(index))) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("what", "offset_adu", "outcome"),
    [
        ("particles", 0, "candidates"),
        ("particles", 9, "candidates"),
        ("particles", -20, "candidates"),
        ("crowd", 0, "flood"),
        ("flood", 0, "light"),
        ("bright", 0, "light"),
        ("gradient", 0, "leak"),
        ("dark", 0, "nothing"),
    ],
)
def test_the_scenes_show_what_they_are_to_show(
    kind: str, what: str, offset_adu: int, outcome: str
) -> None:
    """Or else the comparison would compare nothing."""
    passes = pixel_pass(kind, True)
    seen = [passes.scan(picture(scene(what, kind, offset_adu, seed), kind), stamp(seed))
            for seed in range(5)]  # fmt: skip
    if outcome in ("light", "leak"):
        assert {one.reason for one in seen} == {outcome}
        assert not any(one.covered or one.candidates for one in seen)
        return
    assert all(one.covered for one in seen)
    assert {one.level_shift_adu for one in seen} == {-offset_adu}
    assert {one.flood for one in seen} == {outcome == "flood"}
    assert all(one.candidates for one in seen) == (outcome == "candidates")
    assert any(one.candidates for one in seen) == (outcome == "candidates")
    assert all((one.sample is None) == one.flood for one in seen)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offset_adu", [4, 9, -12])
def test_a_frame_whose_level_wandered_shows_what_it_showed_before(
    kind: str, offset_adu: int
) -> None:
    """Its candidates lie as high above the baselines; their values and crops are as they came."""
    passes, found = pixel_pass(kind, True), 0
    for seed in range(12):
        values = np.clip(scene("particles", kind, 0, seed), 15, full_scale(kind) - 15)
        before = passes.scan(picture(values.astype(np.uint16), kind), stamp(seed))
        wandered = (values.astype(np.int64) + offset_adu).astype(np.uint16)
        after = passes.scan(picture(wandered, kind), stamp(seed))
        assert before.looked is not None
        assert (before.level_shift_adu, after.level_shift_adu) == (0, -offset_adu)
        assert np.array_equal(after.looked, before.looked)
        assert after.mean_adu == pytest.approx(before.mean_adu + offset_adu)
        assert len(after.candidates) == len(before.candidates)
        for one, other in zip(before.candidates, after.candidates, strict=True):
            found += 1
            for name in ("rows", "cols", "excess_adu", "peak", "peak_sigma"):
                assert np.array_equal(getattr(one, name), getattr(other, name)), name
            assert np.array_equal(other.values_adu, wandered[other.rows, other.cols])
            crop = other.crop
            height_px, width_px = crop.pixels.shape
            rows = slice(crop.y0_px, crop.y0_px + height_px)
            cols = slice(crop.x0_px, crop.x0_px + width_px)
            assert np.array_equal(crop.pixels, wandered[rows, cols])
        assert before.sample is not None
        assert after.sample is not None
        assert np.array_equal(after.sample.stripe_adu, before.sample.stripe_adu)
        assert np.array_equal(after.sample.watched_adu, before.sample.watched_adu)
    assert found > 12


@pytest.mark.parametrize("kind", KINDS)
def test_a_lit_frame_within_the_cover_rule_is_a_flood_to_both_paths(kind: str) -> None:
    values = np.full((HEIGHT_PX, WIDTH_PX), int(LEVEL_ADU), np.uint16)
    values[::2, ::2] += 25
    for seen in (picture(values, kind), plain_of(values, kind)):
        one = pixel_pass(kind, True).scan(seen, stamp(0))
        with without_numba():
            other = pixel_pass(kind, False).scan(seen, stamp(0))
        assert one.flood
        assert everything(one) == everything(other)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(KINDS), st.sampled_from([0, 4, -4]), st.integers(0, 2**32))
def test_neighbours_of_a_packed_or_shifted_frame_are_judged_as_those_of_the_plain_one(
    kind: str, shift_adu: int, seed: int
) -> None:
    made = calibration_of(kind)
    assert made.cluster is not None
    assert made.look_threshold is not None
    values = scene("particles", kind, -shift_adu, seed)
    plain, seen = moved(values, kind, shift_adu), picture(values, kind, shift_adu)
    looked = scan_numpy(plain, ThresholdMap.of(made.look_threshold), 0).seeds
    rule = Significance(made, made.cluster)
    expected = rule.seeds(plain, looked).tolist()
    assert rule.seeds(seen, looked).tolist() == expected
    with without_numba():
        assert rule.seeds(plain, looked).tolist() == expected
        assert rule.seeds(seen, looked).tolist() == expected
