"""The hits of a replay or a rig as columns: place, time and class of each."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadUse
from edge.messages.utc import parse_utc_ns
from edge.scoring.lines import number, objects, text, whole
from edge.scoring.truth import LARGEST_PX, LAST_FRAME, UNKNOWN, Names

_KIND = "the hits of a replay (--out)"
_VERSION = 1
_SCHEMA = re.compile(r"cosmic-edge/([a-z]+)/(\d+)")


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Every hit of a file; arrays have shape (n,).

    Attributes
    ----------
    series, label : ndarray of int64
        Index into `series_names`, `labels`.
    frame, x_px, y_px : ndarray of int64
        Frame in its series, and brightest pixel.
    time_ns : ndarray of int64
        Unix time of the middle of its window.
    centroid_x_px, centroid_y_px : ndarray of float64
        NaN where not told.
    injected : int
        Lines left out: what the rig itself put into its frames is no hit.
    """

    series: NDArray[np.int64]
    frame: NDArray[np.int64]
    x_px: NDArray[np.int64]
    y_px: NDArray[np.int64]
    time_ns: NDArray[np.int64]
    label: NDArray[np.int64]
    centroid_x_px: NDArray[np.float64]
    centroid_y_px: NDArray[np.float64]
    series_names: tuple[str, ...]
    labels: tuple[str, ...]
    injected: int = 0

    def __len__(self) -> int:
        return len(self.frame)


_WHOLE = ("series", "frame", "x_px", "y_px", "time_ns", "label")
_REAL = ("centroid_x_px", "centroid_y_px")


def read_hits(path: Path, notes: list[str]) -> Hits:
    """Read a hits file; messages of other kinds between the hits are passed over.

    Raises
    ------
    BadUse
        It holds something else, or hits of a newer version: the line and why.
    """
    columns: dict[str, Any] = {
        **{name: array("q") for name in _WHOLE},
        **{name: array("d") for name in _REAL},
    }
    names = {"series": Names(), "label": Names()}
    injected = 0
    for at, line in objects(path, _KIND, notes):
        try:
            if not _is_hit(line):
                continue
            if line.get("origin") == "injection":
                injected += 1
                continue
            values = _hit(line)
        except ValueError as error:
            raise BadUse(f"{path}, line {at}: no hit: {error}; name {_KIND}") from None
        for name, known in names.items():
            values[name] = known.number(values[name])
        for name, value in values.items():
            columns[name].append(value)
    return Hits(
        **{name: np.asarray(column) for name, column in columns.items()},
        series_names=names["series"].all(),
        labels=names["label"].all(),
        injected=injected,
    )


def _is_hit(line: dict[str, Any]) -> bool:
    schema = line.get("schema")
    match = _SCHEMA.fullmatch(schema) if isinstance(schema, str) else None
    if match is None:
        raise ValueError(f"schema is {schema!r:.60}" if "schema" in line else "schema is missing")
    if match[1] == "hit" and int(match[2]) > _VERSION:
        raise ValueError(f"{schema} is newer than this software reads; update cosmic-edge")
    return match[1] == "hit"


def _hit(line: dict[str, Any]) -> dict[str, Any]:
    features = line.get("features")
    features = features if isinstance(features, dict) else {}
    return {
        "series": text(line, "series", ""),
        "frame": whole(line, "frame", most=LAST_FRAME),
        "x_px": whole(line, "x_px", most=LARGEST_PX),
        "y_px": whole(line, "y_px", most=LARGEST_PX),
        "time_ns": parse_utc_ns(text(line, "time_utc", "")),
        "label": text(line, "class", UNKNOWN),
        "centroid_x_px": number(features, "centroid_x_px", float("nan")),
        "centroid_y_px": number(features, "centroid_y_px", float("nan")),
    }
