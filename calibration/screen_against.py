"""What a frame shows against the median of others: light, shading, bands, scale of the pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.screen_pattern import Pattern, compare

BLOCKS = 16
"""The frame is looked at in so many blocks each way for gradients."""

HOT_SIGMA = 15.0
_LEAST_HOT_PX = 100
_CLIP_SIGMA = 2.5
_OUTLIER_SIGMA = 6.0
_UNSATURATED = 0.85
_WARMED = 2.0
"""A slope beyond is no temperature but another fault."""


@dataclass(frozen=True, slots=True)
class Against:
    """Measures of a frame against a reference; "sigma" is the reference's noise.

    Attributes
    ----------
    level_sigma : float
        Median difference.
    shade_sigma : float
        Root mean square over blocks of what is left of the difference, chance taken off.
    rise_sigma, fall_sigma : float
        Largest and smallest block, from the median of the blocks.
    rows_sigma, columns_sigma : float
        Root mean square of the sharp part of the profiles, chance taken off.
    slope : float
        Height of hot pixels in units of the reference's; NaN with too few of them.
    outlier_share : float
        Share of pixels that differ by more than `_OUTLIER_SIGMA`.
    pattern : Pattern
        Where the fixed pattern lies.
    """

    level_sigma: float
    shade_sigma: float
    rise_sigma: float
    fall_sigma: float
    rows_sigma: float
    columns_sigma: float
    slope: float
    outlier_share: float
    pattern: Pattern


def measure_against(
    pixels: NDArray[Any],
    reference: NDArray[np.float32],
    noise_adu: float,
    frames: int,
    full_scale_adu: int,
) -> Against:
    """Measure a frame of shape (height, width) against what `frames` others share."""
    sigma = max(noise_adu, 0.3)
    difference = pixels.astype(np.float32)
    difference -= reference
    level = _median(difference)
    difference -= np.float32(level)
    slope = hot_slope(pixels, reference, sigma, full_scale_adu)
    outliers = float(np.count_nonzero(np.abs(difference) > _OUTLIER_SIGMA * sigma))
    limit = _CLIP_SIGMA * sigma
    np.clip(difference, -limit, limit, out=difference)
    spread = sigma * float(np.sqrt(1 + 1 / max(frames, 1)))
    blocks, block_px = block_means(difference)
    if 1 / _WARMED < slope < _WARMED:  # what glows brightens with its hot pixels
        glow, _ = block_means(reference)
        blocks -= (slope - 1) * (glow - np.median(glow))
    blocks -= np.median(blocks)
    height, width = difference.shape
    return Against(
        level_sigma=level / sigma,
        shade_sigma=_excess(blocks, spread / np.sqrt(block_px)) / sigma,
        rise_sigma=float(blocks.max()) / sigma,
        fall_sigma=float(blocks.min()) / sigma,
        rows_sigma=_excess(_sharp(difference.mean(axis=1)), spread / np.sqrt(width)) / sigma,
        columns_sigma=_excess(_sharp(difference.mean(axis=0)), spread / np.sqrt(height)) / sigma,
        slope=slope,
        outlier_share=outliers / pixels.size,
        pattern=compare(pixels, reference, sigma),
    )


def hot_slope(
    pixels: NDArray[Any], reference: NDArray[np.float32], noise_adu: float, full_scale_adu: int
) -> float:
    """Median height of hot pixels over their surroundings, in units of the reference's."""
    import cv2

    around = cv2.blur(np.minimum(reference, np.float32(_median(reference) + 3 * noise_adu)), (9, 9))
    height = reference - around
    hot = (height > HOT_SIGMA * noise_adu) & (reference < _UNSATURATED * full_scale_adu)
    if int(np.count_nonzero(hot)) < _LEAST_HOT_PX:
        return float("nan")
    level = _median(pixels) - _median(reference)
    ours = pixels[hot].astype(np.float32) - around[hot] - np.float32(level)
    return float(np.median(ours / height[hot]))


def _median(values: NDArray[Any]) -> float:
    """Median of about a million pixels."""
    step = max(1, int(np.sqrt(values.size / 1_000_000)))
    return float(np.median(values[::step, ::step]))


def block_means(
    values: NDArray[np.float32], blocks: int = BLOCKS
) -> tuple[NDArray[np.float64], float]:
    """Means of blocks, and how many pixels are in one; small frames have fewer blocks."""
    rows = min(blocks, values.shape[0])
    columns = min(blocks, values.shape[1])
    tops = np.linspace(0, values.shape[0], rows, endpoint=False).astype(int)
    lefts = np.linspace(0, values.shape[1], columns, endpoint=False).astype(int)
    sums = np.add.reduceat(np.add.reduceat(values, tops, axis=0, dtype=np.float64), lefts, axis=1)
    heights = np.diff(np.append(tops, values.shape[0]))
    widths = np.diff(np.append(lefts, values.shape[1]))
    return sums / (heights[:, None] * widths), values.size / (rows * columns)


def _sharp(profile: NDArray[Any]) -> NDArray[np.float64]:
    """A profile without what changes over more than a sixteenth of it."""
    width = max(3, profile.size // BLOCKS) | 1
    padded = np.pad(np.asarray(profile, np.float64), width // 2, mode="reflect")
    smooth: NDArray[np.float64] = np.convolve(padded, np.full(width, 1 / width), "valid")
    return profile - smooth


def _excess(values: NDArray[Any], chance: float) -> float:
    """Root mean square beyond what chance makes of it."""
    square = float(np.mean(np.square(values)))
    return float(np.sqrt(max(square - chance * chance, 0.0)))
