"""On the path of a frame no second frame is made, not of padded rows and not of packed ones."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from calibration.jit import numba_available
from edge.bench.dark import RAW10, RAW12, SHALLOW, Sensor
from edge.bench.made import mode_of
from edge.bench.recorded import learned
from edge.frame import Frame
from edge.pixels.candidates import ScanLimits
from edge.pixels.scan import MOST_SEEDS
from edge.presets.calibrated import CalibratedDetector
from edge.stages.frames import scan_one
from edge.tracking import CalibratedTracking
from simulator.packing import pack

SIZE = (1024, 768)
LARGEST_SHARE = 0.25
"""Of the frame's bytes: the stripe of a 64th, its noise, the pixels under watch."""


def frames(sensor: Sensor, count: int, *, padded: bool, shift_adu: int) -> list[Frame]:
    width, height = SIZE
    rng = np.random.default_rng(3)
    mode = replace(mode_of(width, height, sensor.bit_depth), packing=sensor.packing)
    made = []
    for index in range(count):
        noise = rng.standard_normal((height, width), np.float32) * sensor.noise_adu
        values = np.rint(noise + sensor.level_adu + shift_adu).astype(np.uint16)
        values[200, 300:305] = sensor.full_scale_adu // 2
        pixels = values.astype(np.uint8) if sensor is SHALLOW else values
        if sensor.packing != "none":
            pixels = pack(values, sensor.packing, 32 if padded else 1)
        elif padded:
            wide = np.zeros((height, width + 64), pixels.dtype)
            wide[:, :width] = pixels
            pixels = wide[:, :width]
        pixels.flags.writeable = False
        made.append(Frame(pixels, index, index, mode, exposure_ns=33_000_000))
    return made


@pytest.mark.skipif(not numba_available(), reason="without numba NumPy makes arrays on the way")
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("shift_adu", [0, 9])
@pytest.mark.parametrize("sensor", [SHALLOW, RAW10, RAW12], ids=["uint8", "raw10", "raw12"])
def test_a_frame_is_looked_at_and_learned_from_without_another_of_its_size(
    sensor: Sensor, shift_adu: int, padded: bool
) -> None:
    calibration = learned(SIZE, sensor)
    calibration = replace(calibration, mode={**calibration.mode, "packing": sensor.packing})
    follows = CalibratedTracking(CalibratedDetector(calibration, ScanLimits()))
    given = frames(sensor, 24, padded=padded, shift_adu=shift_adu)
    for frame in given[:12]:  # buffers are made with the first ones
        follows.note(scan_one(frame, follows.detector))
    tracemalloc.start()
    try:
        for frame in given[12:]:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            outcome = scan_one(frame, follows.detector)
            follows.note(outcome)
            peak = tracemalloc.get_traced_memory()[1] - before
            assert outcome.fate == "processed"
            assert len(outcome.candidates) == 1
            # A frame whose level is off shows as all lit before it is leveled.
            seeds_bytes = 8 * MOST_SEEDS if shift_adu else 0
            assert peak < LARGEST_SHARE * frame.pixels.nbytes + seeds_bytes
    finally:
        tracemalloc.stop()
