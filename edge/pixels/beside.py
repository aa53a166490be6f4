"""Candidates beside a pixel that can't be used and flashes brightly.

What such a pixel leaves around it, by charge, by demosaicking or by JPEG's blocks, is no particle.
The server of CREDO refuses hits within 5 px of any hot pixel for ever; here the pixel must be
bright, in this frame or twice among the last 64, and the area is given up only while it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.model import Calibration
from edge.detection import Candidate
from edge.frame import Pixels

REACH_PX = 10


def marked_beside(
    candidates: Sequence[Candidate],
    level: Pixels,
    calibration: Calibration,
    blazing: NDArray[np.int64],
) -> tuple[Candidate, ...]:
    """Mark candidates whose brightest pixel is within 10 px of a masked one that flashes.

    Parameters
    ----------
    level : ndarray, shape (height, width)
        The frame at the calibration's level.
    blazing : ndarray of int64
        Flat indices of masked pixels that were bright more than once of late.
    """
    rows, cols = np.divmod(blazing, level.shape[1])

    def is_beside(candidate: Candidate) -> bool:
        y, x = candidate.y_px, candidate.x_px
        if np.any((np.abs(rows - y) <= REACH_PX) & (np.abs(cols - x) <= REACH_PX)):
            return True
        around = _around(y, x)
        masked = calibration.masked[around]
        if not masked.any():
            return False
        excess = level[around][masked].astype(np.float32) - calibration.mean_adu[around][masked]
        return bool(excess.max() > calibration.blaze_adu)

    return tuple(replace(one, unproven_hot=True) if is_beside(one) else one for one in candidates)


def area_beside_px(blazing: NDArray[np.int64], masked: NDArray[np.bool_]) -> int:
    """Pixels beside those that flash that are not masked themselves."""
    if not len(blazing):
        return 0
    lost = np.zeros(masked.shape, np.bool_)
    for y, x in zip(*(part.tolist() for part in np.divmod(blazing, masked.shape[1])), strict=True):
        lost[_around(y, x)] = True
    return int(np.count_nonzero(lost & ~masked))


def _around(y: int, x: int) -> tuple[slice, slice]:
    return (
        slice(max(y - REACH_PX, 0), y + REACH_PX + 1),
        slice(max(x - REACH_PX, 0), x + REACH_PX + 1),
    )
