"""What goes wrong: lost and truncated frames, light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.sensor import Floats32
from simulator.spec import SimulationSpec
from simulator.streams import Purpose, stream

# Light that falls in: mean level as a share of the range above black, and how much darker the
# corners are.
_LIGHT_SHARE = 0.4
_LIGHT_FALL = 0.5


@dataclass(frozen=True, slots=True)
class Faults:
    """What befalls one frame."""

    dropped: bool
    truncated: bool
    covered: bool


def draw_faults(spec: SimulationSpec, index: int) -> Faults:
    """Faults of frame `index`: dropped and truncated exclude each other."""
    drop, bad = stream(spec.seed, Purpose.FAULTS, index).random(2)
    dropped = bool(drop < spec.drop_rate)
    return Faults(dropped, bool(bad < spec.bad_rate) and not dropped, is_covered(spec, index))


def is_covered(spec: SimulationSpec, index: int) -> bool:
    """Whether no light falls in while frame `index` is exposed."""
    if spec.uncover_at_s is None:
        return True
    time_s = index * spec.frame_duration_ns * 1e-9
    if time_s < spec.uncover_at_s:
        return True
    return spec.uncover_s is not None and time_s >= spec.uncover_at_s + spec.uncover_s


def add_light(pixels: Floats32, spec: SimulationSpec, index: int) -> None:
    """Let light fall on a frame: brighter in the middle, with its shot noise."""
    down = np.linspace(-1, 1, spec.height_px, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, spec.width_px, dtype=np.float32)[None, :]
    level = (spec.full_scale_adu - spec.black_adu) * _LIGHT_SHARE
    light = np.float32(level) * (1 - np.float32(_LIGHT_FALL / 2) * (down**2 + across**2))
    random = stream(spec.seed, Purpose.LIGHT, index)
    noise = random.standard_normal(light.shape, dtype=np.float32)
    pixels += light + noise * np.sqrt(light * np.float32(spec.adu_per_e))
