"""The streams that every rule sees: a preset's camera, particles, and what goes wrong with rigs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from benchmarks.detection.rule import Setting
from edge.sources.simulated import write_simulation
from simulator.presets import preset
from simulator.spec import SimulationSpec

PRESETS = ("pi-v1", "pi-v2", "pi-hq", "webcam", "phone")
WIDTH_PX, HEIGHT_PX = 320, 240
PARTICLES_PER_MIN = 60.0
FRAMES = 20_000

Progress = Callable[[int], None]


def stream_spec(name: str, frames: int = FRAMES, seed: int = 1) -> SimulationSpec:
    """A preset's camera at reduced size, in a world that is none too kind.

    Over the stream's length T: 60 particles a minute, 500 hot pixels, 200 telegraph pixels with
    dwell times from 5 to 10,000 frames, 10 degrees of warming, a flash every other minute, a slow
    leak from 30 % on for 5 % of T (60 s at most), the cover lifted for 2 % from 50 % on, a bright
    column for 5 % from 70 % on.
    """
    camera = preset(name)
    length_s = frames / camera.fps
    return dataclasses.replace(
        camera,
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        seed=seed,
        hits_per_min=PARTICLES_PER_MIN,
        flux_per_cm2_min=None,
        hot_pixels=500,
        telegraph_pixels=200,
        telegraph_dwell_low_frames=5.0,
        telegraph_dwell_high_frames=10_000.0,
        temperature_drift_c=10.0,
        temperature_drift_s=length_s,
        flashes_per_min=0.5,
        leak_at_s=0.30 * length_s,
        leak_s=min(60.0, 0.05 * length_s),
        uncover_at_s=0.50 * length_s,
        uncover_s=0.02 * length_s,
        column_at_s=0.70 * length_s,
        column_s=0.05 * length_s,
    )


def setting_of(spec: SimulationSpec, frames: int) -> Setting:
    """What rules may know of a stream."""
    full_scale_adu = (1 << spec.frame_bit_depth) - 1
    return Setting(spec.fps, frames, spec.hits_per_min, native_black_adu(spec), full_scale_adu)


def native_black_adu(spec: SimulationSpec) -> float:
    """Level of a dark pixel in the frames that leave the camera."""
    taken_off = spec.black_clip or spec.frame_bit_depth < spec.bit_depth
    return 0.0 if taken_off else spec.black_adu


def make_stream(spec: SimulationSpec, frames: int, out: Path, progress: Progress) -> Path:
    """Write a stream once, for every rule to read; returns its truth."""
    write_simulation(spec, out, frames, progress)
    return out / "truth.jsonl"
