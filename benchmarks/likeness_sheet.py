"""The pictures: a sheet of hits that a person can compare, and the distributions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.likeness_features import FEATURES, Floats
from benchmarks.likeness_real import Crop

_SCALE = 3
_COLUMNS = 8
_ROWS = 4
_LINE = (70, 70, 70)

UNITS = {"area_px": "px", "length_px": "px", "peak_adu": "counts of 255"}


def write_sheet(path: Path, title: str, real: list[Crop], made: list[Crop]) -> None:
    """Write 32 real hits on the left and 32 simulated ones on the right, enlarged threefold."""
    import cv2

    left, right = (_tiles(crops) for crops in (real, made))
    gap = np.full((left.shape[0], 12, 3), 160, dtype=np.uint8)
    body = np.hstack([left, gap, right])
    head = np.full((28, body.shape[1], 3), 30, dtype=np.uint8)
    for x, text in ((8, f"{title}: real"), (left.shape[1] + 20, f"{title}: simulated")):
        cv2.putText(head, text, (x, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (230, 230, 230), 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack([head, body]))


def _tiles(crops: list[Crop]) -> NDArray[np.uint8]:
    import cv2

    tiles = []
    for i in range(_COLUMNS * _ROWS):
        crop = crops[i] if i < len(crops) else np.zeros((60, 60, 3), dtype=np.uint8)
        large = cv2.resize(crop, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_NEAREST)
        tiles.append(cv2.copyMakeBorder(large, 0, 1, 0, 1, cv2.BORDER_CONSTANT, value=_LINE))
    rows = [np.hstack(tiles[i : i + _COLUMNS]) for i in range(0, len(tiles), _COLUMNS)]
    return np.asarray(np.vstack(rows), dtype=np.uint8)


def plot(path: Path, measured: dict[tuple[str, str, str], dict[str, Floats]]) -> None:
    """Plot the cumulative distributions of every feature: real ones filled, simulated as a line.

    `measured` has the keys (camera, class, "real" or "simulated").
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    groups = sorted({(camera, kind) for camera, kind, _ in measured})
    figure, axes = plt.subplots(
        len(groups), len(FEATURES), figsize=(12, 1.75 * len(groups)), constrained_layout=True
    )
    for row, (camera, kind) in zip(np.atleast_2d(axes), groups, strict=True):
        for axis, feature in zip(row, FEATURES, strict=True):
            pair = [measured[camera, kind, what][feature] for what in ("real", "simulated")]
            _draw(axis, *pair)
            axis.set_xlabel(
                f"{feature.rsplit('_', 1)[0]} ({UNITS[feature]})" if feature in UNITS else feature,
                fontsize=7,
            )
        row[0].set_ylabel(f"{camera} {kind}", fontsize=8)
    axes.ravel()[0].legend(fontsize=6, loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=75)
    plt.close(figure)
    _thin(path)


def _thin(path: Path) -> None:
    """Write a plot anew with a palette of 32 colours, at a third of the size."""
    from PIL import Image

    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(32)
    few.save(path, optimize=True)


def _draw(axis: Any, real: Floats, made: Floats) -> None:
    for values, style in ((real, {"color": "0.6", "lw": 3}), (made, {"color": "C3", "lw": 1.2})):
        name = "real" if values is real else "simulated"
        axis.plot(np.sort(values), np.linspace(0, 1, len(values)), label=name, **style)
    axis.tick_params(labelsize=6)
    axis.set_ylim(0, 1)
