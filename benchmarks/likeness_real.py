"""Real labelled hits, read from beside the project: phones' and a Raspberry Pi camera's."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

KINDS = ("spot", "track", "worm")
CAMERAS = ("pi", "phone")

Crop = NDArray[np.uint8]
"""Shape (60, 60, 3), the order of colours as OpenCV reads them; the hit in the middle."""


def read_real(data: Path) -> dict[tuple[str, str], list[Crop]]:
    """Read the hits of each camera and class that people agreed on, in the order of their index.

    Parameters
    ----------
    data : Path
        Folder with `credo_labelled` and `pi_camera_v1`, each with an `index.csv`.

    Raises
    ------
    FileNotFoundError
        One of the two is absent.
    """
    found: dict[tuple[str, str], list[Crop]] = {}
    for camera, kind, path in _paths(data):
        if kind in KINDS:
            found.setdefault((camera, kind), []).append(_read(path))
    return found


def _paths(data: Path) -> Iterator[tuple[str, str, Path]]:
    for row in _rows(data / "pi_camera_v1"):
        yield "pi", row["label"], data / "pi_camera_v1" / row["file"]
    for row in _rows(data / "credo_labelled"):
        if row["label_quality"] == "confident":
            yield "phone", row["label"], data / "credo_labelled" / "png" / f"{row['id']}.png"


def _rows(folder: Path) -> Iterator[dict[str, str]]:
    with (folder / "index.csv").open(newline="", encoding="utf-8") as text:
        yield from csv.DictReader(text)


def _read(path: Path) -> Crop:
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise FileNotFoundError(path)
    return np.ascontiguousarray(picture[..., :3], dtype=np.uint8)
