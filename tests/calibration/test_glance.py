"""One call sees what the single looks see, to the last bit."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.jit import numba_available
from calibration.sample import Sample, Sampler, stripe_rows
from tests.calibration.tracked import HEIGHT_PX, WIDTH_PX, Rig

pytestmark = pytest.mark.skipif(not numba_available(), reason="there is one path without numba")


@pytest.fixture(scope="module")
def rig() -> Rig:
    return Rig()


def bits(sample: Sample) -> dict[str, Any]:
    held = {f.name: getattr(sample, f.name) for f in fields(sample)}
    return {
        name: (one.dtype, one.shape, one.tobytes()) if isinstance(one, np.ndarray) else repr(one)
        for name, one in held.items()
    }


def scene(rig: Rig, what: str, random: np.random.Generator) -> np.ndarray:
    pixels = rig.frame(0).astype(np.int64)
    if what == "hits":
        flat = random.choice(pixels.size, 40, replace=False)
        pixels.reshape(-1)[flat] += random.integers(10, 4000, 40)
    if what == "light":
        pixels += np.linspace(0, 60, WIDTH_PX).astype(np.int64)
    if what == "full":
        pixels[:] = 60_000
    if what == "black":
        pixels[:] = 0
    return np.clip(pixels, 0, 65_535).astype(np.uint16)


@settings(max_examples=60, deadline=None)
@given(
    what=st.sampled_from(["dark", "hits", "light", "full", "black"]),
    byte=st.booleans(),
    padding_px=st.sampled_from([0, 1, 13]),
    index=st.integers(0, 63),
    seed=st.integers(0, 9999),
)
def test_a_glance_is_the_single_looks_together(
    rig: Rig, what: str, byte: bool, padding_px: int, index: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    pixels = scene(rig, what, random)
    if byte:
        pixels = np.minimum(pixels, 255).astype(np.uint8)
    wide = np.full((HEIGHT_PX, WIDTH_PX + padding_px), 7, pixels.dtype)
    wide[:, :WIDTH_PX] = pixels
    wide.flags.writeable = False
    watched = np.sort(random.choice(pixels.size, int(random.integers(0, 60)), replace=False))
    sampler = Sampler(rig.base, watched.astype(np.int64))
    offset_adu = float(pixels.mean()) - rig.base.expected_mean_adu
    given_to_both = pixels, offset_adu, 0, stripe_rows(HEIGHT_PX, index)
    assert bits(sampler.take(*given_to_both, wide)) == bits(sampler.take(*given_to_both))
