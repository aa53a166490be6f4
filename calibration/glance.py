"""All that a frame of plain pixels tells, in one call: the grid, the stripe, the watched pixels.

The parts are those of `calibration.evenness` and `calibration.stripe`, bit for bit; one call costs
a third less than three, since all of it is cold when a frame of megapixels has just gone by.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.evenness import FIELDS, Evenness, above_scalar, sums_scalar
from calibration.jit import numba_available
from calibration.linked import linked
from calibration.middle import middle_scalar
from calibration.model import Calibration
from calibration.stripe import every_row, look_scalar, told_by


class Seen(NamedTuple):
    """What was seen of a frame.

    Attributes
    ----------
    middle_adu : float
        Median of what the pixels of the grid lie above their baselines by.
    unevenness : float
        See `calibration.evenness`.
    level_adu, noise_square : float
        Of the stripe's ordinary pixels; see `calibration.stripe`.
    watched_adu : ndarray of uint8 or uint16, shape (pixels under watch,)
        As they were read.
    """

    middle_adu: float
    unevenness: float
    level_adu: float
    noise_square: float
    watched_adu: NDArray[Any]


class Glance:
    """Prepared for one calibration and the pixels under watch; has no state.

    Parameters
    ----------
    calibration : Calibration
    evenness : Evenness
        Of its maps.
    watched : ndarray of int64
        Flat indices.
    """

    def __init__(
        self, calibration: Calibration, evenness: Evenness, watched: NDArray[np.int64]
    ) -> None:
        self._maps = _read_only(calibration.mean_adu), _read_only(calibration.sigma_adu)
        self._even = evenness
        self._grid = evenness.rows.start, evenness.rows.step, evenness.field_px, evenness.cols.start
        self._watched = _read_only(watched)
        self._growth = np.float32(calibration.growth_sigma)

    def takes(self, pixels: NDArray[Any] | None, rows: slice) -> bool:
        """Whether it can be asked: compiled, and with a grid and a stripe."""
        some = bool(self._even.mean_adu.size) and rows.start < rows.stop
        return some and pixels is not None and pixels.flags.c_contiguous and numba_available()

    def at(self, pixels: NDArray[Any], rows: slice) -> Seen:
        """Look at a frame.

        Parameters
        ----------
        pixels : ndarray of uint8 or uint16, shape (height, at least width)
            Read-only and C-contiguous; what lies behind the width is padding.
        rows : slice
            Those of the stripe that are summed; not empty.
        """
        even, watched_adu = self._even, np.empty(len(self._watched), pixels.dtype)
        size = (rows.stop - rows.start) * self._maps[0].shape[1]
        middle, above, count, rest, squares = _kernel()(
            pixels, *self._maps, even.mean_adu, even.sigma_adu, *self._grid,
            rows.start, rows.stop, every_row(size), self._growth, self._watched, watched_adu,
        )  # fmt: skip
        middle_adu = float(middle)
        told = told_by(middle_adu, count, rest, squares)
        return Seen(middle_adu, even.unevenness(above), *told, watched_adu)


def _read_only(values: NDArray[Any]) -> NDArray[Any]:
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


def _glance_scalar(  # noqa: PLR0917  (numba takes no keywords)
    pixels: Any,
    mean: Any,
    sigma: Any,
    grid_mean: Any,
    grid_sigma: Any,
    grid_row: int,
    grid_step: int,
    field_px: int,
    grid_col: int,
    first_row: int,
    end_row: int,
    every: int,
    growth: Any,
    watched: Any,
    values: Any,
) -> tuple[Any, Any, Any, Any, Any]:
    width = mean.shape[1]
    grid = np.empty(grid_mean.shape, pixels.dtype)
    across = grid.shape[1] // FIELDS
    for i in range(grid.shape[0]):
        for field in range(FIELDS):
            start = field * field_px + grid_col
            part = pixels[grid_row + i * grid_step, start : start + across]
            taken = grid[i, field * across : (field + 1) * across]
            for x in range(across):
                taken[x] = part[x]
    strips = np.zeros((2, FIELDS), np.int64)
    middle = sums_scalar(grid, grid_mean, grid_sigma, strips)
    above = max(above_scalar(strips[0]), above_scalar(strips[1]))
    quiet = np.empty((end_row - first_row, width), np.bool_)
    stripe = pixels[first_row:end_row, :width]
    base, noise = mean[first_row:end_row], sigma[first_row:end_row]
    count, rest, squares = look_scalar(stripe, base, noise, growth, middle, every, quiet)
    for i in range(watched.shape[0]):
        y = watched[i] // width
        values[i] = pixels[y, watched[i] - y * width]
    return middle, above, count, rest, squares


@cache
def _kernel() -> Any:
    return linked(
        _glance_scalar,
        middle_scalar=middle_scalar,
        sums_scalar=sums_scalar,
        above_scalar=above_scalar,
        look_scalar=look_scalar,
    )
