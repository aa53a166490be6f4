"""What a frame says of itself, without any other: level, noise, plateaus, rows without picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RUN_PX = 32
"""So many equal pixels side by side are no noise, unless black is clipped."""

_SAMPLE_PX = 1_000_000
NOISE_SAMPLE_PX = 300_000
_REACH_SIGMA = 4.0
_ROUNDS = 3
_QUANTILES = (0.1586553, 0.8413447)
"""Of normal noise: one sigma below the middle, one above."""

_LEAST_WIDTH_PX = 8
_LEAST_NOISE_ADU = 0.05


@dataclass(frozen=True, slots=True)
class OwnFeatures:
    """Measures of one frame.

    Attributes
    ----------
    level_adu : float
        Median.
    noise_adu : float
        White noise: see `white_noise_adu`.
    full_px : int
        Pixels at the largest value that the frame has or can have.
    plateau_px : int
        Pixels at the frame's own largest value.
    void_px : int
        Pixels in runs of `RUN_PX` equal ones, or in rows or columns that repeat another one.
    """

    level_adu: float
    noise_adu: float
    full_px: int
    plateau_px: int
    void_px: int


def own_features(pixels: NDArray[Any], full_scale_adu: int) -> OwnFeatures:
    """Measure a frame of shape (height, width), uint8 or uint16."""
    return OwnFeatures(
        level_adu=float(np.median(_row_sample(pixels, _SAMPLE_PX))),
        noise_adu=white_noise_adu(_row_sample(pixels, NOISE_SAMPLE_PX)),
        full_px=int(np.count_nonzero(pixels >= full_scale_adu)),
        plateau_px=int(np.count_nonzero(pixels == pixels.max())),
        void_px=void_px(pixels),
    )


def white_noise_adu(pixels: NDArray[Any]) -> float:
    """Noise without what is smooth or periodic, and without pixels beyond 4 sigma.

    The power of white noise has an exponential distribution at each frequency along the rows, and
    its median is ln 2 of its mean. Pick-up is a few strong lines, gradients are a few low ones:
    the median takes no notice of either, where they stay within the 4 sigma. Right to a few parts
    in a thousand from frame to frame, for noise below 1 ADU as well.
    """
    width = pixels.shape[1]
    if width < _LEAST_WIDTH_PX:
        return max(float(pixels.std()), _LEAST_NOISE_ADU)
    values = pixels.astype(np.float32)
    values -= np.median(values, axis=1, keepdims=True)
    low, high = np.quantile(values, _QUANTILES)
    noise = float(high - low) / 2 + 0.5  # coarse digits: to one of them
    for _ in range(_ROUNDS):
        inner = np.where(np.abs(values) <= _REACH_SIGMA * noise, values, np.float32(0))
        power = np.square(np.abs(np.fft.rfft(inner, axis=1)))
        noise = max(float(np.sqrt(np.median(power[:, 1:]) / (width * np.log(2)))), _LEAST_NOISE_ADU)
    return noise


def void_px(pixels: NDArray[Any]) -> int:
    """Count pixels that hold no picture of their own: long runs of one value, repeated lines.

    Along rows and along columns: what a shift leaves at an edge is filled in some such way.
    """
    return max(_void_along_rows(pixels), _void_along_rows(np.ascontiguousarray(pixels.T)))


def _void_along_rows(pixels: NDArray[Any]) -> int:
    width: int = pixels.shape[1]
    repeated = repeated_rows(pixels)
    void = int(np.count_nonzero(repeated)) * width
    if width <= RUN_PX:
        return void
    return void + _in_runs(pixels[~repeated])


def repeated_rows(pixels: NDArray[Any]) -> NDArray[np.bool_]:
    """Rows, shape (height,), that are the same as another row, pixel for pixel."""
    rng = np.random.default_rng(20260301)
    weights = rng.integers(1, 1 << 62, pixels.shape[1], np.uint64)
    keys = np.array([np.dot(row.astype(np.uint64), weights) for row in pixels], np.uint64)
    _, where, counts = np.unique(keys, return_inverse=True, return_counts=True)
    repeated: NDArray[np.bool_] = counts[where] > 1
    return repeated


def _in_runs(pixels: NDArray[Any]) -> int:
    """Count pixels in horizontal runs of `RUN_PX` or more equal ones."""
    equal = pixels[:, 1:] == pixels[:, :-1]
    # A run spans the same block boundary in all its pixels: look closely only where one does.
    block = RUN_PX // 2
    usable = equal.shape[1] // block * block
    whole = equal[:, :usable].reshape(len(equal), usable // block, block).all(axis=2).any(axis=1)
    return sum(_run_lengths(row) for row in equal[whole])


def _run_lengths(equal: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], equal.astype(np.int8), [0]])))
    lengths = edges[1::2] - edges[::2] + 1
    return int(np.sum(lengths[lengths >= RUN_PX]))


def _row_sample(pixels: NDArray[Any], most_px: int) -> NDArray[Any]:
    """Whole rows from all over the frame, at most about `most_px` pixels."""
    rows = max(1, most_px // max(pixels.shape[1], 1))
    return pixels[:: max(1, -(-pixels.shape[0] // rows))]
