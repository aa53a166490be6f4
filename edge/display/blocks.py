"""Pictures in characters: two pixels in one half block, or one of ten characters without colour."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.style import Style
from rich.text import Text

from edge.frame import Pixels

Levels = NDArray[np.uint8]

UPPER_HALF = "▀"
RAMP = " .:-=+*#%@"
# Black, violet, orange, pale yellow: brightness rises evenly, so it also reads without colour.
_STOPS = (
    (0, (0, 0, 4)),
    (64, (66, 10, 104)),
    (128, (187, 55, 84)),
    (192, (249, 142, 9)),
    (255, (252, 255, 224)),
)
_MAD_TO_SIGMA = 1.4826
_LIT = 96
_LOW_SIGMA = 1.5
_LEAST_SPAN_SIGMA = 8.0


def stretch(pixels: Pixels, white_adu: float | None = None) -> Levels:
    """Scale raw counts to 0 to 255 so that a faint track shows and noise does not.

    From 1.5 robust sigma above the crop's median to white, by a square root. A crop of noise
    alone stays dark: the span is at least 8 sigma and 8 ADU.

    Parameters
    ----------
    pixels : ndarray, shape (height, width), uint8 or uint16
        Raw counts.
    white_adu : float, optional
        What becomes white: the hit's own peak, so that a hot pixel beside it does not make it
        dark. Without it: the brightest pixel.

    Returns
    -------
    ndarray of uint8, the same shape
    """
    if pixels.size == 0:
        return np.zeros(pixels.shape, np.uint8)
    values = pixels.astype(np.float32)
    median = float(np.median(values))
    sigma = _MAD_TO_SIGMA * float(np.median(np.abs(values - median)))
    low = median + _LOW_SIGMA * sigma
    white = float(values.max()) if white_adu is None else white_adu
    span = max(white - low, _LEAST_SPAN_SIGMA * sigma, 8.0)
    scaled = np.sqrt(np.clip((values - low) / span, 0.0, 1.0))
    return np.asarray(np.rint(255.0 * scaled), dtype=np.uint8)


def zoom(levels: Levels, side_px: int, peak: tuple[int, int] | None = None) -> Levels:
    """Cut a square around what is lit, at least `side_px` wide, shifted inside the crop.

    With the row and column of the hit's `peak`: around what is connected to it alone.
    """
    height, width = levels.shape
    lit_rows, lit_cols = np.nonzero(levels >= _LIT) if peak is None else _around(levels, peak)
    if len(lit_rows) == 0:
        lit_rows, lit_cols = np.array([height // 2]), np.array([width // 2])
    top, bottom = int(lit_rows.min()), int(lit_rows.max())
    left, right = int(lit_cols.min()), int(lit_cols.max())
    side = max(side_px, bottom - top + 3, right - left + 3)
    y0 = min(max((top + bottom + 1 - side) // 2, 0), max(height - side, 0))
    x0 = min(max((left + right + 1 - side) // 2, 0), max(width - side, 0))
    return levels[y0 : y0 + side, x0 : x0 + side]


def _around(levels: Levels, peak: tuple[int, int]) -> tuple[Any, Any]:
    """Rows and columns of the lit pixels that touch each other from the peak on."""
    lit = set(zip(*(axis.tolist() for axis in np.nonzero(levels >= _LIT)), strict=True))
    found, edge = {peak}, [peak]
    while edge:
        row, col = edge.pop()
        for near in itertools.product((row - 1, row, row + 1), (col - 1, col, col + 1)):
            if near in lit and near not in found:
                found.add(near)
                edge.append(near)
    rows, cols = zip(*found, strict=True)
    return np.array(rows), np.array(cols)


def shrink(levels: Levels, columns: int, rows: int) -> Levels:
    """Make a picture fit by the brightest of each block, so that a one-pixel spot survives.

    Blocks are cut as evenly as whole pixels allow; a square crop stays square.
    """
    height, width = levels.shape
    factor = max(width / max(columns, 1), height / max(rows, 1), 1.0)
    if factor == 1.0 or levels.size == 0:
        return levels
    out_rows, out_cols = max(int(height / factor), 1), max(int(width / factor), 1)
    row_starts = np.arange(out_rows) * height // out_rows
    col_starts = np.arange(out_cols) * width // out_cols
    tall = np.maximum.reduceat(levels, row_starts, axis=0)
    return np.asarray(np.maximum.reduceat(tall, col_starts, axis=1), dtype=np.uint8)


def fill(levels: Levels, columns: int, rows: int) -> Levels:
    """Put a small picture in the middle of a dark one, so that pictures stand in line."""
    down, right = max(rows - levels.shape[0], 0), max(columns - levels.shape[1], 0)
    return np.pad(levels, ((down // 2, down - down // 2), (right // 2, right - right // 2)))


def half_blocks(levels: Levels) -> Text:
    """Draw two rows of pixels in each line of text, in colour."""
    even = _even(levels)
    text = Text(no_wrap=True)
    for y in range(0, even.shape[0], 2):
        if y:
            text.append("\n")
        for upper, lower in zip(even[y].tolist(), even[y + 1].tolist(), strict=True):
            text.append(UPPER_HALF, _style(upper, lower))
    return text


def characters(levels: Levels) -> Text:
    """Draw with ten ASCII characters, dark to bright, the brighter of two rows in each line."""
    even = _even(levels)
    pairs = np.maximum(even[0::2], even[1::2])
    index = np.minimum(pairs.astype(np.int32) * len(RAMP) // 256, len(RAMP) - 1)
    lines = ("".join(RAMP[i] for i in row) for row in index.tolist())
    return Text("\n".join(lines), no_wrap=True)


def draw(levels: Levels, *, coloured: bool) -> Text:
    """Half blocks where the terminal can show them, ASCII characters elsewhere."""
    return half_blocks(levels) if coloured else characters(levels)


def can_colour(console: Console, options: ConsoleOptions | None = None) -> bool:
    """Tell whether half blocks read on this console: UTF-8, and at least 256 colours."""
    ascii_only = (options or console.options).ascii_only
    return not ascii_only and console.color_system in ("256", "truecolor")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A crop as a rich renderable that fits the width it is given.

    Attributes
    ----------
    pixels : ndarray, shape (height, width), uint8 or uint16
        Raw counts.
    columns, rows : int
        Most columns of text and most rows of pixels (a line of text holds two).
    close_up : bool
        Cut around what is lit instead of showing the whole crop.
    peak : tuple of int, optional
        Row and column of the hit's brightest pixel inside the crop.
    """

    pixels: Pixels
    columns: int = 78
    rows: int = 78
    close_up: bool = False
    peak: tuple[int, int] | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        peak = self._peak_inside()
        levels = stretch(self.pixels, None if peak is None else float(self.pixels[peak]))
        columns = min(self.columns, options.max_width)
        if self.close_up:
            levels = zoom(levels, min(columns, self.rows), peak)
        levels = shrink(levels, columns, self.rows)
        if self.close_up:
            levels = fill(levels, columns, self.rows)
        yield draw(levels, coloured=can_colour(console, options))

    def _peak_inside(self) -> tuple[int, int] | None:
        if self.peak is None:
            return None
        inside = all(0 <= at < n for at, n in zip(self.peak, self.pixels.shape, strict=True))
        return self.peak if inside else None

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = min(self.columns, options.max_width)
        if not self.close_up:
            width = min(width, self.pixels.shape[1])
        return Measurement(width, width)


def _even(levels: Levels) -> Levels:
    return np.pad(levels, ((0, levels.shape[0] % 2), (0, 0)))


def _style(upper: int, lower: int) -> Style:
    # Few levels: fewer different styles, so that a slow terminal gets a quarter of the bytes.
    return Style(color=_colour(upper & 0xF8), bgcolor=_colour(lower & 0xF8))


def _colour(level: int) -> Color:
    for (start, low), (stop, high) in itertools.pairwise(_STOPS):
        if level <= stop:
            share = (level - start) / (stop - start)
            red, green, blue = (round(a + share * (b - a)) for a, b in zip(low, high, strict=True))
            return Color.from_rgb(red, green, blue)
    raise ValueError(f"a level is 0 to 255, not {level}")
