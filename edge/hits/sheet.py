"""Exports as one contact sheet: every crop beside the others, to be looked at in one go."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from edge.display.blocks import Levels, stretch
from edge.hits.record import StoredHit

Order = Literal["brightness", "frame"]
MOST_HITS = 1000
"""Hits on a sheet: 100 rows, some 22,000 px high, which browsers and viewers still open."""

OVER = f"over_{MOST_HITS}"
"""Reason given for the hits there was no place for."""

_COLUMNS = 10
_LEAST_COLUMNS = 3  # the heading needs some width
_WINDOW_PX = 60
_ZOOM = 3
_SIDE = _WINDOW_PX * _ZOOM
_GAP = 10
_LINE = 15
_TICK = 6
_HEAD = 44
_CELL_HEIGHT = _SIDE + 2 * _LINE + 2 * _GAP
_CELL_WIDTH = _SIDE + _GAP

Colour = tuple[int, int, int]
# Blue, green, red, as OpenCV has them; the classes' are those of the terminal.
_PAGE: Colour = (34, 30, 28)
_TEXT: Colour = (225, 225, 225)
_DIM: Colour = (160, 155, 150)
_WARN: Colour = (90, 110, 245)
_CLASS: dict[str, Colour] = {
    "spot": (235, 205, 90),
    "track": (120, 215, 120),
    "worm": (225, 140, 225),
    "artefact": (90, 205, 240),
}

Canvas = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """A hit's stretched crop, and where its brightest pixel is in it."""

    hit: StoredHit
    levels: Levels
    peak: tuple[int, int]


def write_sheet(
    hits: Iterable[StoredHit],
    path: Path,
    *,
    order: Order = "brightness",
    refuse: Callable[[str], None],
) -> int:
    """Draw hits into one PNG, ten in a row.

    A crop goes from its background to the hit's peak by a square root, three times as large, at
    most 60 px around the brightest pixel, which the ticks at its border point to. Below it stand
    the first letter of the class, area and frame, then how the id begins and the sum of counts;
    what is simulated or injected says so.

    Parameters
    ----------
    hits : iterable of StoredHit
        In the order they were made.
    path : Path
        PNG to write.
    order : {"brightness", "frame"}
        The largest sum first, or as they were made.
    refuse : callable
        Told the reason for each hit that is not drawn: ``unreadable_crop``, or ``over_1000``: the
        sheet keeps the brightest (by brightness) or the newest (by frame).

    Returns
    -------
    int
        How many were drawn.
    """
    pictures = _chosen(hits, order, refuse)
    columns = min(max(len(pictures), _LEAST_COLUMNS), _COLUMNS)
    rows = -(-len(pictures) // columns)
    size = (_HEAD + rows * _CELL_HEIGHT, _GAP + columns * _CELL_WIDTH, 3)
    canvas = np.full(size, _PAGE, np.uint8)
    _draw_head(canvas, pictures, order)
    for number, picture in enumerate(pictures):
        top = _HEAD + number // columns * _CELL_HEIGHT
        left = _GAP + number % columns * _CELL_WIDTH
        _draw_cell(canvas[top : top + _CELL_HEIGHT, left : left + _CELL_WIDTH], picture)
    path.write_bytes(_png(canvas))
    return len(pictures)


def _chosen(
    hits: Iterable[StoredHit], order: Order, refuse: Callable[[str], None]
) -> list[_Picture]:
    """Choose what is drawn, in the order it is drawn in; holds no more than that."""
    count = 0

    def counted() -> Iterator[_Picture]:
        nonlocal count
        for hit in hits:
            try:
                picture = _picture(hit)
            except ValueError:
                refuse("unreadable_crop")
                continue
            count += 1
            yield picture

    if order == "frame":
        kept = list(deque(counted(), maxlen=MOST_HITS))
    else:
        kept = heapq.nlargest(MOST_HITS, counted(), key=_brightness)
    for _ in range(count - len(kept)):
        refuse(OVER)
    return kept


def _brightness(picture: _Picture) -> float:
    return picture.hit.message.sum_adu


def _picture(hit: StoredHit) -> _Picture:
    """Stretch a crop; a large one is cut down around its peak, shifted inside."""
    levels = stretch(hit.pixels(), hit.message.peak_adu)
    (y, x), (height, width) = hit.peak, levels.shape
    top = min(max(y - _WINDOW_PX // 2, 0), max(height - _WINDOW_PX, 0))
    left = min(max(x - _WINDOW_PX // 2, 0), max(width - _WINDOW_PX, 0))
    window = levels[top : top + _WINDOW_PX, left : left + _WINDOW_PX].copy()
    return _Picture(hit, window, (y - top, x - left))


def _draw_head(canvas: Canvas, pictures: list[_Picture], order: Order) -> None:
    count = len(pictures)
    how = "brightest first" if order == "brightness" else "as they were made"
    title = f"{count} hit{'s' * (count != 1)}, {how}" if count else "no hits"
    x = _write(canvas, _GAP, 28, title, _TEXT, large=True)
    for label, number in Counter(one.hit.message.class_ for one in pictures).most_common():
        x = _write(canvas, x + 18, 28, f"{label} {number}", _CLASS[label], large=True)
    for origin in sorted(
        {one.hit.message.origin for one in pictures} & {"simulation", "injection"}
    ):
        x = _write(canvas, x + 18, 28, origin, _WARN, large=True)


def _draw_cell(cell: Canvas, picture: _Picture) -> None:
    """Draw one hit: crop, ticks at its border, two lines of text."""
    large = picture.levels.repeat(_ZOOM, axis=0).repeat(_ZOOM, axis=1)
    height, width = large.shape
    top, left = (_SIDE - height) // 2, (_SIDE - width) // 2
    cell[top : top + height, left : left + width] = large[:, :, np.newaxis]
    message = picture.hit.message
    colour = _CLASS[message.class_]
    _draw_ticks(cell[top : top + height, left : left + width], picture.peak, colour)
    line = _SIDE + _LINE
    x = _write(cell, 0, line, message.class_[0].upper(), colour)
    _write(cell, x + 7, line, f"{message.area_px} px  frame {message.frame}", _TEXT)
    line += _LINE
    x = _write(cell, 0, line, f"{message.id[:8]}  {_digits(message.sum_adu)} ADU", _DIM)
    if message.origin in ("simulation", "injection"):
        _write(cell, x + 7, line, message.origin[:3], _WARN)


def _draw_ticks(area: Canvas, peak: tuple[int, int], colour: Colour) -> None:
    """Mark row and column of the brightest pixel at the borders it is not near to."""
    y, x = (_ZOOM * place + _ZOOM // 2 for place in peak)
    height, width, _ = area.shape
    clear = 4 * _TICK
    if x >= clear:
        area[y, :_TICK] = colour
    if width - x > clear:
        area[y, -_TICK:] = colour
    if y >= clear:
        area[:_TICK, x] = colour
    if height - y > clear:
        area[-_TICK:, x] = colour


def _digits(value: float) -> str:
    """Whole counts, or thousands where they are many."""
    return f"{value:.0f}" if abs(value) < 1e5 else f"{value / 1e3:.0f}k"


def _write(
    canvas: Canvas, x: int, baseline: int, text: str, colour: Colour, *, large: bool = False
) -> int:
    """Write text from `x` on; returns where it ends."""
    import cv2

    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.55 if large else 0.4
    cv2.putText(canvas, text, (x, baseline), font, scale, colour, 1, cv2.LINE_AA)
    (width, _), _ = cv2.getTextSize(text, font, scale, 1)
    return x + width


def _png(canvas: Canvas) -> bytes:
    import cv2

    done, data = cv2.imencode(".png", cast(Any, canvas))
    if not done:
        raise OSError(f"OpenCV could not write {canvas.shape[1]} x {canvas.shape[0]} px as PNG")
    return bytes(data.tobytes())
