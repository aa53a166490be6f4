"""The seam every detector is behind: a frame in, what it would publish out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[Any]
Boxes: TypeAlias = NDArray[np.int64]
View = Literal["native", "linear8", "srgb8"]

NO_BOXES: Boxes = np.empty((0, 4), np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a rule made of one frame.

    Attributes
    ----------
    boxes : ndarray of int64, shape (n, 4)
        What it publishes, each as first column, first row, last column, last row in pixels.
    live : bool
        Whether a particle in this frame could have been published.
    """

    boxes: Boxes = field(default_factory=lambda: NO_BOXES)
    live: bool = True


class Rule(Protocol):
    """One detector's decision, with the state it keeps from frame to frame."""

    def look(self, pixels: Image) -> Look:
        """Judge the next frame, shape (height, width)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a rule may know of the stream before its first frame.

    Attributes
    ----------
    fps : float
        Frames in a second.
    frames : int
        Length of the stream, for rules whose calibration must be cut short to fit into it.
    particles_per_min : float
        Rate of the stream, for rules that hold a rate of their own.
    black_adu, full_scale_adu : float, int
        Of the native view.
    """

    fps: float
    frames: int
    particles_per_min: float
    black_adu: float
    full_scale_adu: int


def pixel_boxes(rows: Image, cols: Image) -> Boxes:
    """One box a pixel."""
    return np.asarray(np.stack([cols, rows, cols, rows], axis=1), np.int64)


def blocks_at(rows: Image, cols: Image, before: int, after: int) -> Boxes:
    """One box around each pixel, from `before` pixels before it to `after` behind it."""
    grow = np.array([-before, -before, after, after])
    return np.asarray(pixel_boxes(rows, cols) + grow, np.int64)


def brightest_of_clusters(values: Image, above: NDArray[np.bool_]) -> Boxes:
    """The brightest pixel of each group of touching pixels (8 neighbours), as boxes.

    Parameters
    ----------
    values : ndarray, shape (height, width)
    above : ndarray of bool, shape (height, width)
        Pixels that are lit.
    """
    flat = np.flatnonzero(above)
    if len(flat) == 0:
        return NO_BOXES
    width = above.shape[1]
    if len(flat) > 1:
        import cv2

        _, labels = cv2.connectedComponents(above.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
        flat = flat[np.argsort(-values.ravel()[flat].astype(np.float64), kind="stable")]
        _, first = np.unique(labels.ravel()[flat], return_index=True)
        flat = flat[first]
    rows, cols = np.divmod(flat, width)
    return pixel_boxes(rows, cols)
