"""Half of a series that is most alike: where a comparison may start, whatever the rest is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.screen_against import block_means
from calibration.screen_pattern import sharp_window

_LEAST = 3
_LEVEL_WEIGHT = 0.1
"""Levels wander from frame to frame; what else differs between good frames is chance."""

_NOISE_WEIGHT = 60.0
_REACH_SIGMA = 8.0
_PATTERN_WEIGHT = 40.0
_SEEN_SIGMA = 5.0
_AGREEING = 0.8
"""Of five frames of which two were shifted, three in ten pairs still agree."""


def most_alike(frames: Sequence[NDArray[Any]], noises_adu: Sequence[float]) -> list[int]:
    """Positions of more than half of the frames, at least three: one and its nearest others.

    That one is chosen whose half of the frames lies nearest: as the minimum covariance determinant
    does (Rousseeuw 1985), with distances between means over blocks, rows and columns between
    noises, and between fixed patterns.
    """
    size = max(_LEAST, len(frames) // 2 + 1)
    if len(frames) <= size:
        return list(range(len(frames)))
    usual = float(np.median(noises_adu))
    vectors = np.stack(
        [_summary(frame, own, usual) for frame, own in zip(frames, noises_adu, strict=True)]
    )
    distance = np.array([np.square(vectors - one).sum(axis=1) for one in vectors])
    distance += _PATTERN_WEIGHT * _lacking(frames, usual)
    reach = np.sort(distance, axis=1)[:, size - 1]
    nearest = np.argsort(distance[int(reach.argmin())], kind="stable")[:size]
    return sorted(int(n) for n in nearest)


def _lacking(frames: Sequence[NDArray[Any]], noise_adu: float) -> NDArray[np.float64]:
    """How much less of a fixed pattern two frames share than most do, squared: 0 to about 1.

    Of two frames of which one was shifted, only this differs.
    """
    parts = np.stack([sharp_window(frame, noise_adu).ravel() for frame in frames])
    parts /= np.linalg.norm(parts, axis=1, keepdims=True) + 1e-9
    shared = (parts @ parts.T).astype(np.float64)
    others = shared[~np.eye(len(frames), dtype=bool)]
    usual = float(np.quantile(others, _AGREEING))
    if usual < _SEEN_SIGMA / np.sqrt(parts.shape[1]):
        return np.zeros(shared.shape)
    lacking: NDArray[np.float64] = np.square(np.clip(1 - shared / usual, 0.0, 1.0))
    return lacking


def _summary(pixels: NDArray[Any], noise_adu: float, usual_adu: float) -> NDArray[np.float64]:
    """Means in units of their chance, so that none of them outweighs the others."""
    sigma = max(usual_adu, 0.3)
    values = pixels.astype(np.float32)
    step = max(1, int(np.sqrt(values.size / 65_536)))
    level = float(np.median(values[::step, ::step]))
    reach = _REACH_SIGMA * sigma
    values -= np.float32(level)
    np.clip(values, -reach, reach, out=values)
    blocks, block_px = block_means(values)
    rows = values.mean(axis=1, dtype=np.float64) * np.sqrt(values.shape[1])
    columns = values.mean(axis=0, dtype=np.float64) * np.sqrt(values.shape[0])
    parts = [blocks.ravel() * np.sqrt(block_px), rows, columns]
    scaled = [part / sigma / np.sqrt(part.size) for part in parts]
    noise = np.log(noise_adu) * _NOISE_WEIGHT
    return np.concatenate([*scaled, [level / sigma * _LEVEL_WEIGHT, noise]])
