"""The candidate of a picture that no rig has looked at: its brightest cluster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.crop import DEFAULT_SIZE_PX, crop
from edge.detection import Candidate, Crop
from edge.features.hit import Place
from edge.features.light import mad_sigma
from edge.frame import Pixels

LARGEST_CROP_PX = 512
"""A picture up to this size is a crop as it is; of a larger one a crop is cut out."""

_SHARE = 8
_SAMPLED_PX = 1024
"""Background and noise of a larger picture are those of every second pixel, or third."""


def spotted(pixels: Pixels) -> Candidate | None:
    """Find what the field's tools would call the hit of a picture.

    As in credo-classify-framework a pixel is lit that is above darkest + (brightest - darkest) / 8,
    the darkest of those above 0: phones set what is not lit to 0. The cluster of lit pixels (over 8
    neighbours) that holds the brightest one is the candidate.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)

    Returns
    -------
    Candidate or None
        None where no pixel is brighter than another.
    """
    lit = pixels[pixels > 0]
    if lit.size == 0:
        return None
    darkest, brightest = int(lit.min()), int(lit.max())
    if brightest == int(pixels.min()):
        return None
    # One lit value above zeros: all of it is lit.
    threshold = darkest + (brightest - darkest) / _SHARE if brightest > darkest else 0.0
    return lit_above(pixels, threshold)


def lit_above(pixels: Pixels, threshold: float, place: Place | None = None) -> Candidate:
    """The cluster of pixels above a threshold that holds the one at a place, or the brightest.

    Without a place the candidate is a guess; with one its brightest pixel is that one, whatever
    shines beside it.
    """
    if place is None:
        row, col = divmod(int(np.argmax(pixels)), pixels.shape[1])
    else:
        row, col = place
    rows, cols = _cluster(pixels > min(threshold, int(pixels[row, col]) - 0.5), row, col)
    values = pixels[rows, cols].astype(np.uint16)
    step = -(-max(pixels.shape) // _SAMPLED_PX)
    sample = pixels[::step, ::step].astype(np.float32)
    background = float(np.median(sample))
    noise = mad_sigma(sample - background)
    excess = (values - background).astype(np.float32)
    if place is None:
        peak = int(np.argmax(excess))
    else:
        peak = int(np.flatnonzero((rows == row) & (cols == col))[0])
    return Candidate(
        rows=rows.astype(np.int32),
        cols=cols.astype(np.int32),
        values_adu=values,
        excess_adu=excess,
        peak=peak,
        peak_sigma=float(excess[peak]) / max(noise, 1.0),
        crop=_crop(pixels, int(rows[peak]), int(cols[peak])),
        guessed=place is None,
    )


def _cluster(
    lit: NDArray[np.bool_], row: int, col: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    import cv2

    _, labels = cv2.connectedComponents(lit.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    rows, cols = np.nonzero(labels == labels[row, col])
    return rows, cols


def _crop(pixels: Pixels, row: int, col: int) -> Crop:
    if max(pixels.shape) <= LARGEST_CROP_PX:
        return Crop(pixels, 0, 0)
    return crop(pixels, row, col, DEFAULT_SIZE_PX)
