"""Small recordings to read and to damage."""

from pathlib import Path

import numpy as np

from edge.frame import BadFrame, Frame, SensorMode
from edge.recording import NativeRecording, RecordingWriter

MODE = SensorMode(
    sensor="imx477",
    width_px=8,
    height_px=6,
    bit_depth=12,
    exposure_ns=1_000_000,
    frame_duration_ns=2_000_000,
    row_time_ns=10,
    gain=2.5,
    cfa="RGGB",
)


def make_frame(index, sequence=None, mode=MODE, pixels=None, **values):
    if pixels is None:
        pixels = np.full((mode.height_px, mode.width_px), index, dtype=np.uint16)
    sequence = index if sequence is None else sequence
    values.setdefault("sensor_time_ns", 10**12 + sequence * 2_000_000)
    return Frame(pixels, sequence, index, mode, exposure_ns=1_000_000, **values)


def write(folder: Path, count=10, bad=(3,), segment_frames=4, **values):
    with RecordingWriter(folder, MODE, "camera", segment_frames=segment_frames, **values) as out:
        for i in range(count):
            if i in bad:
                out.append(BadFrame(i, i, "truncated", "3 of 6 rows arrived"))
            else:
                out.append(make_frame(i, temperature_c=20.0 + i))
    return folder


def read(folder, *range_):
    return list(NativeRecording(folder).series()[0].frames(*range_))
