"""The truth of a recording as columns: some hundred bytes a particle, whatever the file's size."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadUse
from edge.scoring.lines import number, objects, text, whole

NO_FRAME = -1
LAST_FRAME = 2**40 - 2
"""A millennium at 30 frames a second."""
LARGEST_PX = 2**20
UNKNOWN = "unknown"
_KIND = "the truth.jsonl of a recording"


@dataclass(frozen=True, slots=True, eq=False)
class Particles:
    """Every particle of a truth file; arrays have shape (n,) unless stated.

    Attributes
    ----------
    series, label, status : ndarray of int
        Index into `series_names`, `labels`, `statuses`.
    frame : ndarray of int64
        Position in its series; -1 where the frame never arrived.
    sequence : ndarray of int64
        The source's number of that frame.
    x_px, y_px : ndarray of int64
        Brightest pixel.
    peak_sigma : ndarray of float64
        Its noise-free signal over that pixel's own noise.
    time_offset_s, energy_kev : ndarray of float64
        From the start of exposure of the frame's first row; NaN where not told.
    covered : ndarray of bool
    first_pixel : ndarray of int64, shape (n + 1,)
        Its pixels are `rows` and `cols` from ``first_pixel[i]`` to ``first_pixel[i + 1]``; the
        brightest alone where none are told.
    pixels_known : ndarray of bool
    rows, cols : ndarray of int64, shape (pixels,)
    """

    series: NDArray[np.int64]
    frame: NDArray[np.int64]
    sequence: NDArray[np.int64]
    label: NDArray[np.int64]
    status: NDArray[np.int64]
    x_px: NDArray[np.int64]
    y_px: NDArray[np.int64]
    peak_sigma: NDArray[np.float64]
    time_offset_s: NDArray[np.float64]
    energy_kev: NDArray[np.float64]
    covered: NDArray[np.bool_]
    pixels_known: NDArray[np.bool_]
    first_pixel: NDArray[np.int64]
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    series_names: tuple[str | None, ...]
    labels: tuple[str, ...]
    statuses: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def area_px(self) -> NDArray[np.int64]:
        """Number of pixels told of each particle; 0 where none are."""
        return np.where(self.pixels_known, np.diff(self.first_pixel), 0)

    def pixels(self, index: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of one particle."""
        one = slice(self.first_pixel[index], self.first_pixel[index + 1])
        return self.rows[one], self.cols[one]


_WHOLE = ("series", "frame", "sequence", "label", "status", "x_px", "y_px")
_REAL = ("peak_sigma", "time_offset_s", "energy_kev")
_FLAGS = ("covered", "pixels_known")


class Names:
    """Texts as small numbers, in the order they came."""

    def __init__(self) -> None:
        self._known: dict[Any, int] = {}

    def number(self, name: str | None) -> int:
        """Number of a text; a new one gets the next."""
        return self._known.setdefault(name, len(self._known))

    def all(self) -> tuple[Any, ...]:
        """Every text, in the order of its number."""
        return tuple(self._known)


def read_truth(path: Path, notes: list[str]) -> Particles:
    """Read a truth file, a particle a line.

    `frame`, `peak_sigma` and a place (`x_px` and `y_px`, or `rows` and `cols`) are needed; what
    else a generator leaves out stays unknown, and its frames count as arrived and covered.

    Raises
    ------
    BadUse
        It is no truth: the line and why.
    """
    columns: dict[str, Any] = {
        **{name: array("q") for name in _WHOLE},
        **{name: array("d") for name in _REAL},
        **{name: array("b") for name in _FLAGS},
    }
    names = {name: Names() for name in ("series", "label", "status")}
    first, rows, cols = array("q", [0]), array("q"), array("q")
    for at, line in objects(path, _KIND, notes):
        try:
            values = _particle(line)
        except ValueError as error:
            raise BadUse(f"{path}, line {at}: no particle: {error}; name {_KIND}") from None
        for name, known in names.items():
            values[name] = known.number(values[name])
        rows.extend(values.pop("rows"))
        cols.extend(values.pop("cols"))
        first.append(len(rows))
        for name, value in values.items():
            columns[name].append(value)
    for flag in _FLAGS:
        columns[flag] = np.array(columns[flag], dtype=np.bool_)
    return Particles(
        **{name: np.asarray(column) for name, column in columns.items()},
        first_pixel=np.asarray(first),
        rows=np.asarray(rows),
        cols=np.asarray(cols),
        series_names=names["series"].all(),
        labels=names["label"].all(),
        statuses=names["status"].all(),
    )


def _particle(line: dict[str, Any]) -> dict[str, Any]:
    status = text(line, "status", "ok")
    arrived = line.get("frame") is not None
    if not arrived and status == "ok":
        raise ValueError("frame is missing")
    frame = whole(line, "frame", most=LAST_FRAME) if arrived else NO_FRAME
    rows, cols = (list(_places(line, key)) for key in ("rows", "cols"))
    if len(rows) != len(cols):
        raise ValueError(f"{len(rows)} rows and {len(cols)} cols")
    # The pixel in the middle stands for the brightest one where that is not told.
    x_px, y_px = (
        _place(line, key, sorted(known)[len(known) // 2] if known else None)
        for key, known in (("x_px", cols), ("y_px", rows))
    )
    covered = line.get("covered", True)
    if not isinstance(covered, bool):
        raise ValueError(f"covered is {covered!r:.40}")
    return {
        "series": text(line, "series", "") if "series" in line else None,
        "frame": frame,
        "sequence": whole(line, "sequence", max(frame, 0)),
        "label": text(line, "class", UNKNOWN),
        "status": status,
        "x_px": x_px,
        "y_px": y_px,
        "peak_sigma": number(line, "peak_sigma"),
        "time_offset_s": number(line, "time_offset_s", float("nan")),
        "energy_kev": number(line, "energy_kev", float("nan")),
        "covered": covered,
        "pixels_known": bool(rows),
        "rows": rows or [y_px],
        "cols": cols or [x_px],
    }


def _places(line: dict[str, Any], key: str) -> Iterator[int]:
    values = line.get(key) or []
    if not isinstance(values, list):
        raise ValueError(f"{key} is {values!r:.40}")
    for value in values:
        if type(value) is not int or abs(value) > LARGEST_PX:
            raise ValueError(f"{key} holds {value!r:.40}")
        yield value


def _place(line: dict[str, Any], key: str, default: int | None) -> int:
    """A column or row; a particle may lie beyond the frame's edge."""
    value = line.get(key, default)
    if value is None:
        raise ValueError(f"{key} is missing")
    if not isinstance(value, int | float) or not abs(value) <= LARGEST_PX:
        raise ValueError(f"{key} is {value!r:.40}")
    return round(value)
