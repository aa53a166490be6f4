"""The cameras that rigs are built of: their facts, any size, and the same bytes for ever."""

import dataclasses

import numpy as np
import pytest

from simulator import Simulation, SimulationSpec
from simulator.presets import PRESETS, preset

FACTS = {
    "pi-v1": (2592, 1944, 10, 1.4),
    "pi-v2": (3280, 2464, 10, 1.12),
    "pi-hq": (4056, 3040, 12, 1.55),
    "webcam": (1280, 720, 8, 3.0),
    "phone": (1920, 1080, 8, 1.4),
}


def reduced(name, **values):
    return dataclasses.replace(preset(name), **({"width_px": 160, "height_px": 120} | values))


def test_presets_have_their_makers_size_depth_and_pitch():
    assert set(PRESETS) == set(FACTS)
    for name, spec in PRESETS.items():
        facts = (spec.width_px, spec.height_px, spec.frame_bit_depth, spec.pixel_pitch_um)
        assert facts == FACTS[name]


def test_unknown_preset_is_refused_in_one_line_with_the_nearest():
    with pytest.raises(
        ValueError, match=r'unknown preset "piv2"; did you mean "pi-v2"\?'
    ) as caught:
        preset("piv2")
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"there are pi-v1, pi-v2, pi-hq, webcam, phone"):
        preset("zzzz")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_at_reduced_size_has_its_black_and_its_noise(name):
    spec = reduced(name, hits_per_min=0.0, hot_pixels=0, telegraph_pixels=0, dark_tail_share=0.0)
    simulation = Simulation(spec)
    stack = np.stack([simulation.frame(i).pixels for i in range(40)]).astype(float)
    assert stack.shape == (40, 120, 160)
    if spec.black_clip or spec.route == "phone":
        assert stack.mean() < 3
        assert stack.max() < 20
        return
    assert np.median(stack) == pytest.approx(spec.black_adu, abs=0.1 * spec.black_adu)
    expected = np.sqrt(spec.noise_adu**2 + spec.row_noise_adu**2 + 1 / 12)
    # Dark current adds a little.
    assert expected * 0.98 < np.median(stack.std(axis=0)) < expected * 1.2


@pytest.mark.parametrize("name", ["pi-hq", "phone"])
def test_a_preset_makes_a_frame_in_full_size(name):
    frame = Simulation(preset(name)).frame(1, with_truth=False)
    width, height, depth, _ = FACTS[name]
    assert frame.pixels.shape == (height, width)
    assert int(frame.pixels.max()) < 1 << depth
    assert frame.pixels.dtype == (np.uint8 if depth == 8 else np.uint16)


def test_default_and_presets_keep_apart():
    assert SimulationSpec().route == "raw"
    assert SimulationSpec().packing == "none"
    assert SimulationSpec().cfa == ""
