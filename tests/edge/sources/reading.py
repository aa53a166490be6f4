"""Helpers for tests of recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frame import BadFrame, Frame, Recording, Series
from edge.sources import open_recording


def only_series(path: Path) -> Series:
    (series,) = open_recording(path).series()
    return series


def stack(series: Series) -> NDArray[Any]:
    frames = list(series.frames())
    assert all(isinstance(frame, Frame) for frame in frames), frames
    return np.stack([frame.pixels for frame in frames if isinstance(frame, Frame)])


def outline(series: Series) -> list[str]:
    """ "ok" or the reason, frame by frame; checks what holds for every frame."""
    words = []
    for position, frame in enumerate(series.frames()):
        assert (frame.index, frame.sequence, frame.series) == (position, position, series.name)
        if isinstance(frame, BadFrame):
            words.append(frame.reason)
            continue
        assert frame.mode == series.mode
        assert frame.pixels.shape == (series.mode.height_px, series.mode.width_px)
        assert not frame.pixels.flags.writeable
        words.append("ok")
    assert len(words) == series.count
    return words


def names(recording: Recording) -> list[tuple[str, int]]:
    return [(series.name, series.count) for series in recording.series()]
