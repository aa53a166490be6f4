"""Screened frames as one contact sheet: each small and stretched alike, with its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.drawing import titled
from edge.errors import Failed
from edge.outfile import FileKind, write_whole
from edge.screening import ScreenedFrame

SHEET = FileKind("a sheet of screened frames", b"Title\0screening ")
MOST_FRAMES = 400
_SIDE = 180
_GAP = 10
_LINE = 15
_COLUMNS = 8
_REACH_SIGMA = 4.0
# Blue, green, red, as OpenCV has them.
_PAGE = (34, 30, 28)
_TEXT = (225, 225, 225)
_VERDICT = {"good": (120, 215, 120), "bad": (90, 110, 245), "unjudged": (90, 205, 240)}


class Sheet:
    """Collects thumbnails while frames are screened; draws them when verdicts are known."""

    def __init__(self) -> None:
        self._thumbnails: dict[str, NDArray[np.float32]] = {}

    def add(self, file: str, pixels: NDArray[Any], verdict: str) -> None:
        """Keep a small copy of a frame, shape (height, width): the first 400, and bad ones."""
        if len(self._thumbnails) >= MOST_FRAMES and verdict != "bad":
            return
        if len(self._thumbnails) >= 2 * MOST_FRAMES:
            return
        self._thumbnails[file] = _shrunk(pixels)

    def write(self, path: Path, lines: Sequence[ScreenedFrame]) -> None:
        """Draw the sheet as PNG, in the order of `lines`; raises Failed where it can't be."""
        import cv2

        shown = [line for line in lines if line.file in self._thumbnails]
        columns = max(1, min(_COLUMNS, len(shown)))
        rows = max(1, -(-len(shown) // columns))
        cell = (_SIDE + _GAP, _SIDE + 3 * _LINE + _GAP)
        page = np.full((rows * cell[1] + _GAP, columns * cell[0] + _GAP, 3), _PAGE, np.uint8)
        scales = self._scales(shown)
        for n, line in enumerate(shown):
            x, y = _GAP + n % columns * cell[0], _GAP + n // columns * cell[1]
            self._draw(page[y : y + cell[1], x : x + _SIDE], line, scales[line.series])
        encoded, data = cv2.imencode(".png", page)
        if not encoded:
            raise Failed(f"{path}: a sheet of {len(shown)} frames can't be drawn")
        write_whole(path, titled(data.tobytes(), "screening of frames"))

    def _scales(self, lines: Sequence[ScreenedFrame]) -> dict[str, tuple[float, float]]:
        """Black and white of each series, by its good frames: light must look light."""
        scales = {}
        for series in {line.series for line in lines}:
            mine = [line for line in lines if line.series == series]
            good = [line for line in mine if line.verdict == "good"] or mine
            values = np.concatenate([self._thumbnails[line.file].ravel() for line in good])
            middle = float(np.median(values))
            spread = 1.4826 * float(np.median(np.abs(values - middle))) or 1.0
            scales[series] = (middle - _REACH_SIGMA * spread, middle + _REACH_SIGMA * spread)
        return scales

    def _draw(
        self, cell: NDArray[np.uint8], line: ScreenedFrame, scale: tuple[float, float]
    ) -> None:
        import cv2

        black, white = scale
        levels = np.clip((self._thumbnails[line.file] - black) / (white - black) * 255, 0, 255)
        picture = cv2.resize(levels.astype(np.uint8), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        cell[:_SIDE, :_SIDE] = picture[..., None]
        colour = _VERDICT[line.verdict]
        cv2.rectangle(cell, (0, 0), (_SIDE - 1, _SIDE - 1), colour, 2)
        said = " ".join(filter(None, (line.verdict, line.reason, f"{line.score or 0:.1f}")))
        texts = ((said, colour), (PurePath(line.file).name[-28:], _TEXT), (line.series[:28], _TEXT))
        for row, (text, tone) in enumerate(texts):
            place = (0, _SIDE + (row + 1) * _LINE - 3)
            ascii_only = text.encode("ascii", "replace").decode()
            cv2.putText(cell, ascii_only, place, cv2.FONT_HERSHEY_SIMPLEX, 0.36, tone, 1)


def _shrunk(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Averages of blocks, as many as a thumbnail shows."""
    import cv2

    height, width = pixels.shape
    size = (min(_SIDE, width), min(_SIDE, height))
    small = cv2.resize(pixels.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)
