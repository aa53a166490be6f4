"""Which pixels of a picture are lit: the field's two ways, and the brightest cluster of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from edge.frame import Pixels

LEAST_PX = 5
"""A cluster below this has no shape for the field's tools (``npixels=5``)."""
_ROUNDING = 1e-9
_KERNEL_FWHM_PX = 3.0
_KERNEL_SIDE_PX = 3


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """The connected clusters (8 neighbours) of a mask, in raster order of their first pixels.

    Attributes
    ----------
    labels : ndarray of int32, shape (height, width)
        0 dark, else 1 + index of the cluster.
    areas_px : ndarray of int64, shape (n,)
    sums : ndarray of float64, shape (n,)
        Light of each, in counts above the background.
    """

    labels: NDArray[np.int32]
    areas_px: NDArray[np.int64]
    sums: NDArray[np.float64]

    def order(self) -> NDArray[np.int64]:
        """Indices of the clusters, those of at least 5 px first, the most light first."""
        return np.lexsort((-self.sums, self.areas_px < LEAST_PX))

    def pixels(self, index: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of a cluster, in raster order."""
        rows, cols = np.nonzero(self.labels == index + 1)
        return rows.astype(np.int64), cols.astype(np.int64)


def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolve with a normalised 3 x 3 Gaussian of FWHM 3 px, as CREDO's analysis does.

    Departure: beyond the edge the picture is mirrored, not black, or an even background would
    fall off there.
    """
    import cv2

    side = _kernel()
    smoothed = cv2.sepFilter2D(values, cv2.CV_64F, side, side, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smoothed, np.float64)


def share_threshold(values: NDArray[np.float64], part: int) -> float:
    """Darkest + (brightest - darkest) / `part`; 8 is that of ``measure_vector_export.py``.

    Departures: its darkest is the darkest pixel that isn't 0, which a camera whose background is
    exactly 0 moves into the hit itself; and clusters that touch are not parted (it deblends).
    """
    darkest, brightest = float(values.min()), float(values.max())
    return darkest + (brightest - darkest) / part


def lit_above(values: NDArray[np.float64], threshold: float) -> NDArray[np.uint8]:
    """Mask of the pixels above a threshold by more than rounding: an even picture has none."""
    margin = _ROUNDING * max(abs(float(values.max())), abs(float(values.min())), 1.0)
    return (values > threshold + margin).astype(np.uint8)


def otsu_mask(gray: Pixels) -> NDArray[np.uint8]:
    """Split pixels into two classes of least variance; N. Otsu, IEEE Trans. SMC 9 (1979) 62."""
    import cv2

    _, mask = cv2.threshold(gray, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return np.asarray(mask).astype(np.uint8)


def clusters_of(mask: NDArray[np.uint8], excess: NDArray[np.float64]) -> Clusters:
    """Find the connected clusters of a mask and the light of each."""
    import cv2

    count, found = cv2.connectedComponents(mask, connectivity=8)
    labels = np.asarray(found, np.int32)
    flat = labels.ravel()
    areas = np.bincount(flat, minlength=count)[1:]
    sums = np.bincount(flat, excess.ravel(), minlength=count)[1:].astype(np.float64)
    return Clusters(labels, areas, sums)


@cache
def _kernel() -> NDArray[np.float64]:
    sigma = _KERNEL_FWHM_PX / (2.0 * np.sqrt(2.0 * np.log(2.0)))
    places = np.arange(_KERNEL_SIDE_PX) - _KERNEL_SIDE_PX // 2
    values = np.exp(-0.5 * (places / sigma) ** 2)
    kernel: NDArray[np.float64] = values / values.sum()
    kernel.setflags(write=False)
    return kernel
