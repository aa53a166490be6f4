"""Crops on a contact sheet: enlarged pixel by pixel, with what is said of them below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.display.blocks import Levels, stretch
from edge.drawing import titled
from edge.errors import Failed
from edge.frame import Pixels

WIDTH_PX = 1000
_WINDOW_PX = 60
_GAP = 10
_LINE = 15
_HEAD = 30
_EDGE = 2

Colour = tuple[int, int, int]
# Blue, green, red, as OpenCV has them; Okabe and Ito's, lighter where the page is dark.
PAGE: Colour = (34, 30, 28)
TEXT: Colour = (225, 225, 225)
DIM: Colour = (165, 160, 155)
OF_CLASS: tuple[Colour, ...] = ((233, 180, 86), (0, 159, 230), (115, 200, 60), (195, 140, 225))
"""Of spot, track, worm and artefact."""


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """A crop and its lines.

    Attributes
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)
    lines : sequence of (str, Colour)
    frame : Colour
        Around the crop.
    """

    pixels: Pixels
    lines: Sequence[tuple[str, Colour]]
    frame: Colour = DIM


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """Tiles under a heading."""

    heading: str
    tiles: Sequence[Tile]


def contact_sheet(sections: Sequence[Section], columns: int, title: str) -> bytes:
    """Draw sections below one another as a PNG 1000 px wide.

    A crop goes from its background to its brightest pixel by a square root, as on the sheets of
    hits; at most 60 px of it are shown, around its brightest pixel, enlarged by a whole number.

    Parameters
    ----------
    sections : sequence of Section
    columns : int
        Tiles in a row.
    title : str
        Written into the file's head.
    """
    import cv2

    cell = (WIDTH_PX - _GAP) // columns
    side = cell - _GAP
    parts = [_drawn(section, columns, cell, side) for section in sections]
    page = np.concatenate(parts or [_empty(_HEAD)])
    done, data = cv2.imencode(".png", page)
    if not done:
        raise Failed(f"{title}: {page.shape[1]} x {page.shape[0]} px can't be written as PNG")
    return titled(data.tobytes(), title)


def _drawn(section: Section, columns: int, cell: int, side: int) -> NDArray[np.uint8]:
    """Make a heading and the rows of tiles below it."""
    lines = max((len(one.lines) for one in section.tiles), default=0)
    height = side + lines * _LINE + 2 * _GAP
    rows = -(-len(section.tiles) // columns)
    page = _empty(_HEAD + rows * height)
    _write(page, _GAP, _HEAD - 9, section.heading, TEXT, 0.5)
    for number, tile in enumerate(section.tiles):
        top = _HEAD + number // columns * height
        left = _GAP + number % columns * cell
        _draw_tile(page[top : top + height, left : left + side], tile)
    return page


def _draw_tile(area: NDArray[np.uint8], tile: Tile) -> None:
    side = area.shape[1]
    levels = window(stretch(tile.pixels), tile.pixels)
    zoom = max((side - 2 * _EDGE) // max(*levels.shape, 1), 1)
    large = levels.repeat(zoom, axis=0).repeat(zoom, axis=1)[:side, :side]
    height, width = large.shape
    top, left = (side - height) // 2, (side - width) // 2
    area[
        max(top - _EDGE, 0) : top + height + _EDGE, max(left - _EDGE, 0) : left + width + _EDGE
    ] = tile.frame
    area[top : top + height, left : left + width] = large[:, :, np.newaxis]
    for row, (text, colour) in enumerate(tile.lines):
        _write(area, 0, side + (row + 1) * _LINE - 3, text, colour, 0.38)


def window(levels: Levels, pixels: Pixels) -> Levels:
    """Cut at most 60 px around the brightest pixel."""
    y, x = np.unravel_index(int(pixels.argmax()), pixels.shape) if pixels.size else (0, 0)
    top, left = (
        max(min(int(place) - _WINDOW_PX // 2, size - _WINDOW_PX), 0)
        for place, size in zip((y, x), pixels.shape, strict=True)
    )
    return levels[top : top + _WINDOW_PX, left : left + _WINDOW_PX]


def _empty(height: int) -> NDArray[np.uint8]:
    return np.full((height, WIDTH_PX, 3), PAGE, np.uint8)


def _write(  # noqa: PLR0917
    area: NDArray[np.uint8], x: int, baseline: int, text: str, colour: Colour, scale: float
) -> None:
    """Write as much of a text as there is room for; the fonts of OpenCV know ASCII alone."""
    import cv2

    font, plain = cv2.FONT_HERSHEY_SIMPLEX, text.encode("ascii", "replace").decode()
    room = area.shape[1] - x
    while plain and cv2.getTextSize(plain, font, scale, 1)[0][0] > room:
        plain = plain[:-1]
    # A part of the page is no array that OpenCV writes into.
    strip: Any = np.ascontiguousarray(area)
    cv2.putText(strip, plain, (x, baseline), font, scale, colour, 1, cv2.LINE_AA)
    area[:] = strip
