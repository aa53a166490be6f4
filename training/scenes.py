"""What is simulated to train with: cameras in several states, a short recording each."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from simulator.presets import preset
from simulator.spec import SimulationSpec

WIDTH_PX, HEIGHT_PX = 320, 240
CALIBRATION_FRAMES = 500
"""Most that a replay calibrates itself on."""
LEAST_FRAMES = 120
PARTICLES_PER_FRAME = 0.8
"""As many as a frame takes before many of them touch."""
_EACH = 300
"""Hits that a scene can be asked for within `CALIBRATION_FRAMES`."""
FAILING_FRAMES = 900
"""Long enough for a failing sensor to give a hundred artefacts or two after its calibration."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A state that a camera can be in.

    Attributes
    ----------
    changes : mapping
        What it has of its own; `read_noise`, `gain` and `hits_per_min` are factors.
    fails : bool
        The recording goes on after the calibration, when the sensor is no more what it was: a
        replay calibrates itself on all of a shorter one, and then finds next to no artefact.
    """

    changes: Mapping[str, Any]
    fails: bool = False


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "plain": Kind({}),
        # Half the gain and twice the noise: faint ends of tracks are lost.
        "noisy": Kind({"read_noise": 2.0, "gain": 0.5, "row_noise_adu": 1.0}),
        "warm": Kind(
            {
                "temperature_c": 42.0, "hot_pixels": 150, "warm_pixels": 200,
                "telegraph_pixels": 60,
            }
        ),
        # Phones' sensors collect from more than twice the depth: longer tracks, wider clouds.
        "deep": Kind(
            {
                "sensitive_depth_um": 26.0, "diffusion_um": 1.2, "substrate_um": 3.0,
                "alpha_share": 0.05,
            }
        ),
        # It warms faster than a calibration follows, and is full of pixels that jump.
        "failing": Kind(
            {
                "temperature_drift_c": 35.0, "hot_pixels": 200, "warm_pixels": 600,
                "telegraph_pixels": 2000, "telegraph_low_sigma": 2.0,
                "telegraph_high_sigma": 30.0, "telegraph_dwell_low_frames": 2.0,
                "telegraph_dwell_high_frames": 30_000.0, "hits_per_min": 0.25,
            },
            fails=True,
        ),
    }
)  # fmt: skip
_PLAIN = {"hot_pixels": 40, "warm_pixels": 20, "telegraph_pixels": 10}


@dataclass(frozen=True, slots=True)
class Scene:
    """One recording to be simulated.

    Attributes
    ----------
    camera : str
        Name of the preset.
    name : str
        Of the folder, and of the rig: ``pi-v1-plain-1``.
    spec : SimulationSpec
    particles : int
        It ends once so many came.
    least_frames, most_frames : int
        But neither before nor after these.
    """

    camera: str
    name: str
    spec: SimulationSpec
    particles: int
    least_frames: int = LEAST_FRAMES
    most_frames: int = CALIBRATION_FRAMES


def scenes_of(
    camera: str, hits: int, seed: int, kinds: Mapping[str, Kind] | None = None
) -> Iterator[Scene]:
    """Yield the scenes that give about `hits` hits of one camera, in every state of `KINDS`.

    Raises
    ------
    ValueError
        There is no such preset: one line.
    """
    base, kinds = preset(camera), kinds or KINDS
    failing = sum(kind.fails for kind in kinds.values())
    rounds = -(-hits // (len(kinds) * _EACH))
    # A failing sensor gives what it gives, in a time of its own; the others make up for it.
    left = hits - rounds * failing * _EACH
    each = max(-(-left // max(rounds * (len(kinds) - failing), 1)), 1)
    for number in range(1, rounds + 1):
        for name, kind in kinds.items():
            scene = f"{camera}-{name}-{number}"
            spec = _changed(base, kind.changes, _seed(seed, scene))
            if kind.fails:
                yield Scene(camera, scene, spec, each, FAILING_FRAMES, FAILING_FRAMES)
            else:
                yield Scene(camera, scene, spec, each)


def _changed(camera: SimulationSpec, changes: Mapping[str, Any], seed: int) -> SimulationSpec:
    own: dict[str, Any] = {**_PLAIN, **changes}
    rate = PARTICLES_PER_FRAME * camera.fps * 60
    own["hits_per_min"] = rate * own.get("hits_per_min", 1.0)
    own["gain"] = camera.gain * own.get("gain", 1.0)
    own["read_noise_adu"] = camera.noise_adu * own.pop("read_noise", 1.0)
    own["temperature_drift_s"] = FAILING_FRAMES / camera.fps
    return dataclasses.replace(camera, width_px=WIDTH_PX, height_px=HEIGHT_PX, seed=seed, **own)


def _seed(seed: int, name: str) -> int:
    """Seeds of scenes that have nothing in common, whatever seeds people choose."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:6], "big")
