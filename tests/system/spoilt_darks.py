"""Defects made on real dark frames: each kind from what is still seen to what is plain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.sources import open_recording

Frame = NDArray[np.uint16]
Maker = Callable[[Frame, float, float, np.random.Generator], Frame]

SERIES = {
    "bias": ("stl1001e", "1024x1024 0 s -5 C"),
    "60 s": ("stl1001e", "1024x1024 60 s -5 C"),
    "240 s": ("st402", "765x255 240 s -15 C"),
    "360 s": ("st402", "765x255 360 s -15 C"),
    "meudon": ("meudon", "1536x1024"),
}


def darks(data: Path, name: str, side_px: int | None = None) -> list[Frame]:
    """Frames of a series; of the Meudon folder the darks alone. Cut to `side_px` in the middle."""
    folder, series = SERIES[name]
    found = next(s for s in open_recording(data / "darks" / folder).series() if s.name == series)
    frames = [np.array(frame.pixels) for frame in found.frames()]
    if name == "meudon":
        frames = [frame for frame in frames if np.median(frame) < 100]
    return [cut(frame, side_px) for frame in frames]


def flats(data: Path) -> list[Frame]:
    """The lit frames of the Meudon folder."""
    found = open_recording(data / "darks" / "meudon").series()[0]
    frames = [np.array(frame.pixels) for frame in found.frames()]
    return [frame for frame in frames if np.median(frame) >= 100]


def cut(frame: Frame, side_px: int | None) -> Frame:
    if side_px is None:
        return frame
    rows, columns = (slice(max(0, (n - side_px) // 2), (n + side_px) // 2) for n in frame.shape)
    return np.ascontiguousarray(frame[rows, columns])


def whole(values: NDArray[np.float64]) -> Frame:
    return np.clip(np.rint(values), 0, 65_535).astype(np.uint16)


def shifted(frame: Frame, by_px: float, sigma: float, rng: np.random.Generator) -> Frame:
    """All rows and columns moved around, or the lower part of a torn frame."""
    del sigma
    step = rng.choice([-1, 1], 2) * round(by_px)
    if rng.random() < 0.3:
        moved = frame.copy()
        top = int(frame.shape[0] * rng.uniform(0.2, 0.6))
        moved[top:] = np.roll(frame[top:], step[0], axis=1)
        return moved
    return np.roll(frame, step, (0, 1))


def leaking(frame: Frame, sigmas: float, sigma: float, rng: np.random.Generator) -> Frame:
    """Light that falls off from one side or from a spot, with its own noise."""
    y, x = (np.arange(n) / n for n in frame.shape)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        light = np.cos(angle) * x[None] + np.sin(angle) * y[:, None]
        light = (light - light.min()) / (light.max() - light.min())
    else:
        at_y, at_x = rng.uniform(0, 1, 2)
        square = np.square(y - at_y)[:, None] + np.square(x - at_x)[None]
        light = np.exp(-square / (2 * 0.25**2))
    return whole(frame + rng.poisson(light * sigmas * sigma))


def truncated(frame: Frame, share: float, sigma: float, rng: np.random.Generator) -> Frame:
    """The last rows hold nothing: 0, the top of the scale, a level, or rows again and again."""
    del sigma
    cut_off = frame.copy()
    rows = max(1, round(share * frame.shape[0]))
    fill = rng.integers(0, 5)
    if fill < 3:
        cut_off[-rows:] = [0, 65_535, int(np.median(frame))][fill]
    elif fill == 3:
        cut_off[-rows:] = frame[-rows - 1]
    else:
        cut_off[-rows:] = np.resize(frame[:-rows], (rows, frame.shape[1]))
    return cut_off


def saturated(frame: Frame, share: float, sigma: float, rng: np.random.Generator) -> Frame:
    """A share of the pixels at the top, anywhere or in a block; or the range cut off there."""
    full = frame.copy()
    count = max(1, round(share * frame.size))
    kind = rng.integers(0, 3)
    if kind == 0:
        full.ravel()[rng.choice(full.size, count, replace=False)] = 65_535
    elif kind == 1:
        side = max(1, round(count**0.5))
        top, left = (int(rng.integers(0, max(1, n - side))) for n in frame.shape)
        full[top : top + side, left : left + side] = 65_535
    else:
        np.minimum(full, int(np.quantile(full, 1 - share) + sigma), out=full)
    return full


def amplified(frame: Frame, factor: float, sigma: float, rng: np.random.Generator) -> Frame:
    """Another gain, up or down, about the level or about 0."""
    del sigma
    offset = float(np.median(frame)) if rng.random() < 0.5 else 0.0
    if rng.random() < 0.5:
        factor = 1 / factor
    return whole((frame - offset) * factor + offset)


def banded(frame: Frame, sigmas: float, sigma: float, rng: np.random.Generator) -> Frame:
    """A wave along rows or columns."""
    axis = int(rng.integers(0, 2))
    wave = np.sin(2 * np.pi * np.arange(frame.shape[axis]) / rng.uniform(2.5, 20))
    return whole(frame + np.expand_dims(wave * sigmas * sigma, 1 - axis))


def swapped(pool: Sequence[Frame]) -> Maker:
    """A flat in place of a dark: a real one, or an even one with shading and shot noise."""

    def make(frame: Frame, level: float, sigma: float, rng: np.random.Generator) -> Frame:
        flat = pool[int(rng.integers(0, len(pool)))]
        height, width = frame.shape
        if rng.random() < 0.5 and flat.shape[0] >= height and flat.shape[1] >= width:
            return np.ascontiguousarray(flat[:height, :width])
        y, x = (np.arange(n) / n - 0.5 for n in frame.shape)
        light = level * (1 - 0.3 * (np.square(y)[:, None] + np.square(x)[None]))
        return whole(np.median(frame) + rng.poisson(light) + rng.normal(0, sigma, frame.shape))

    return make
