"""Pixels of a frame as they lie in memory, read where somebody asks.

A packed frame is never unpacked as a whole, and one whose level wandered is never copied: what
looks at some of the pixels gets those, plain and at the wanted level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from calibration.level import shifted
from edge.frame import Frame, Packing, Pixels
from edge.pixels.memory import as_rows
from edge.pixels.packing import LAYOUTS, Layout, values_at
from edge.pixels.unpack import unpack


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A frame to be indexed like an array: ``[rows, columns]`` of slices, or of arrays of indices.

    Attributes
    ----------
    data : ndarray
        Plain pixels, shape (height, width), or packed bytes, shape (height, stride).
    width_px : int
    packing : {"none", "mipi10", "mipi12", "mipi14"}
    shift_adu : int
        Added to every pixel, within the range of its type.
    """

    data: Pixels
    width_px: int
    packing: Packing = "none"
    shift_adu: int = 0

    @classmethod
    def of(cls, frame: Frame) -> Picture:
        """Look at a frame's buffer; valid until it is given back."""
        if frame.mode.packing == "none":
            return cls(frame.pixels, frame.pixels.shape[1])
        return cls(frame.pixels.view(np.uint8), frame.mode.width_px, frame.mode.packing)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.data.shape[0], self.width_px

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(self.data.shape[0]) * self.width_px

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a plain pixel."""
        return self.data.dtype if self.packing == "none" else np.dtype(np.uint16)

    def holds(self, shape: tuple[int, int]) -> bool:
        """Whether the buffer has the rows and columns that its frame's mode says."""
        least = LAYOUTS[self.packing].elements(shape[1])
        return self.shape == shape and self.data.shape[1] >= least

    def moved(self, shift_adu: int) -> Picture:
        """The same pixels at another level."""
        return replace(self, shift_adu=shift_adu) if shift_adu != self.shift_adu else self

    def plain(self) -> Pixels:
        """All pixels as an array: a copy where they are packed or shifted."""
        plain: Pixels = self[:, :]
        return plain

    def take(self, flat: NDArray[np.int64]) -> NDArray[Any]:
        """Pixels at flat indices, as of the plain frame."""
        if self.packing == "none" and self.data.flags.c_contiguous:
            return shifted(self.data.reshape(-1)[flat], self.shift_adu)
        return np.asarray(self[np.divmod(flat, self.width_px)])

    def __getitem__(self, at: tuple[Any, Any]) -> Any:
        rows, cols = at
        if self.packing == "none":
            return shifted(self.data[rows, cols], self.shift_adu)
        if isinstance(rows, slice) and isinstance(cols, slice):
            return shifted(self._window(rows, cols), self.shift_adu)
        if isinstance(rows, slice) or isinstance(cols, slice):
            raise TypeError("a picture takes two slices, or two arrays of indices")
        layout = LAYOUTS[self.packing]
        return shifted(
            values_at(self.data, layout, np.asarray(rows), np.asarray(cols)), self.shift_adu
        )

    def _window(self, rows: slice, cols: slice) -> NDArray[np.uint16]:
        """Unpack the groups that the columns lie in."""
        wanted = range(*cols.indices(self.width_px))
        ends = sorted((wanted[0], wanted[-1])) if wanted else (0, -1)
        start, stop = ends[0], ends[1] + 1
        pixels, size, _ = LAYOUTS[self.packing]
        first, last = start // pixels, -(-stop // pixels)
        groups = self.data[rows, first * size : last * size]
        plain = unpack(groups.view(np.uint8), (last - first) * pixels, self.packing)
        return plain[:, start - first * pixels : stop - first * pixels][:, :: wanted.step]


Readable: TypeAlias = Pixels | Picture
"""What can be indexed for plain pixels."""


def raw(pixels: Readable) -> tuple[NDArray[Any], Layout, int]:
    """Give a kernel what it needs to read any pixel: rows, layout, shift."""
    if isinstance(pixels, Picture):
        return as_rows(pixels.data), LAYOUTS[pixels.packing], pixels.shift_adu
    return as_rows(pixels), LAYOUTS["none"], 0
