"""Zero-bias windows: pixels that were read whatever they hold, to know the noise as it is.

CRAYFIS' level 0 keeps a random window of 10 x 10 pixels in 0.1 % of the frames. No trigger has a
say in it, so the histogram shows baseline, noise and tail of the pixels that were searched.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frame import Frame
from edge.monitor.choice import Choice
from edge.pixels.unpack import unpack

BINS_BELOW, BINS_ABOVE = 128, 384
"""Bins on either side of the median; the outermost ones hold everything beyond."""

_BINS_PER_SPREAD = 4
_ONE_SIGMA = (0.1587, 0.8413)
"""Shares of a normal distribution below -1 and +1 sigma."""


@dataclass(frozen=True, slots=True)
class ZeroBiasSampler:
    """Takes one square window of each chosen frame.

    Attributes
    ----------
    choice : Choice
    window_px : int
        Edge of the window; a frame that is smaller gives none.
    """

    choice: Choice
    window_px: int = 10

    def sample(self, frame: Frame) -> NDArray[np.uint16] | None:
        """Raw counts of a window, shape (window_px, window_px); None where none is due.

        Every place at which the window lies inside the frame is equally likely.
        """
        mode, side = frame.mode, self.window_px
        if min(mode.height_px, mode.width_px) < side:
            return None
        random = self.choice.draw(frame)
        if random is None:
            return None
        y = int(random.integers(mode.height_px - side + 1))
        x = int(random.integers(mode.width_px - side + 1))
        rows = frame.pixels[y : y + side]
        if mode.packing != "none":
            rows = unpack(np.ascontiguousarray(rows).view(np.uint8), mode.width_px, mode.packing)
        return rows[:, x : x + side].astype(np.uint16)


@dataclass(slots=True)
class ZeroBiasTally:
    """Raw counts of all windows of an exposure, by value."""

    window_px: int = 0
    windows: int = 0
    values: Counter[int] = field(default_factory=Counter)

    def count(self, window: NDArray[np.uint16]) -> None:
        """Count a window's pixels."""
        self.window_px = window.shape[0]
        self.windows += 1
        values, numbers = np.unique(window, return_counts=True)
        self.values.update(dict(zip(values.tolist(), numbers.tolist(), strict=True)))

    def add(self, other: ZeroBiasTally) -> None:
        """Add another tally."""
        self.window_px = max(self.window_px, other.window_px)
        self.windows += other.windows
        self.values.update(other.values)

    def take_back(self, other: ZeroBiasTally) -> None:
        """Undo `add`."""
        self.windows -= other.windows
        self.values.subtract(other.values)

    def record(self, black_level_adu: float | None) -> dict[str, Any] | None:
        """Write the histogram down for an exposure record; None without a window.

        Bins are whole counts wide, a power of two of them and fine against the pixels' spread,
        so that records can be added up. Their edges lie half a count below whole ones, where no
        value is, and are told from the black level. The first and the last bin hold all that
        lies beyond, so that every pixel is in the histogram.
        """
        if not self.windows:
            return None
        present = sorted((value, n) for value, n in self.values.items() if n > 0)
        values = np.array([value for value, _ in present], np.int64)
        numbers = np.array([n for _, n in present], np.int64)
        width = _bin_width(values, numbers)
        middle = _quantile(values, numbers, 0.5) // width
        bins = np.clip(values // width, middle - BINS_BELOW, middle + BINS_ABOVE)
        first = int(bins[0])
        counts = np.zeros(int(bins[-1]) - first + 1, np.int64)
        np.add.at(counts, bins - first, numbers)
        black = 0.0 if black_level_adu is None else round(black_level_adu, 4)
        return {
            "window_px": self.window_px,
            "windows": self.windows,
            "black_level_adu": black,
            "first_bin_adu": round(first * width - 0.5 - black, 4),
            "bin_width_adu": float(width),
            "counts": counts.tolist(),
        }


def _bin_width(values: NDArray[np.int64], numbers: NDArray[np.int64]) -> int:
    """Largest power of two that cuts the spread (half of the middle 68 %) into four or more."""
    low, high = (_quantile(values, numbers, share) for share in _ONE_SIGMA)
    spread = (high - low) / 2
    width = 1
    while 2 * width * _BINS_PER_SPREAD <= spread:
        width *= 2
    return width


def _quantile(values: NDArray[np.int64], numbers: NDArray[np.int64], share: float) -> int:
    below = np.cumsum(numbers)
    return int(values[np.searchsorted(below, share * below[-1])])
