"""Lists of a sensor's bad pixels: read, written, and masked in a calibration.

One pixel a line. Ours are CSV with a heading, ``x,y,kind``; read as well are the plain lists of
other programs: RawTherapee's ``.badpixels`` (``x y``), and dcraw's (``x y time``, the Unix time at
which the pixel died, or 0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.maps import MASKED
from calibration.model import Calibration, calibration_id, cluster_maps

KINDS = ("hot", "unstable", "masked", "dead", "defect")
HEADING = "x,y,kind"

_SEPARATOR = re.compile(r"\s*,\s*|\s+")
_DEAD_SIGMA = 10.0
_MOST_PX = 10_000_000


class DefectError(ValueError):
    """A list can't be read or does not fit; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One bad pixel: column, row, and what is wrong with it."""

    x_px: int
    y_px: int
    kind: str = "defect"


def read_defects(path: Path) -> list[Defect]:
    """Read a list; of a pixel named twice the first line counts.

    Raises
    ------
    DefectError
        It can't be read, or a line is none: which, and what was expected.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise DefectError(f"{path}: can't be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise DefectError(f"{path}: is no text; expected lines such as 120,45,hot") from None
    found: dict[tuple[int, int], Defect] = {}
    columns: dict[str, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.partition("#")[0].strip()
        if not plain:
            continue
        cells = _SEPARATOR.split(plain)
        if columns is None:
            columns = _columns(cells)
            if columns is not None:
                continue
            columns = {"x": 0, "y": 1, "kind": 2}
        defect = _defect(f"{path} line {number}", cells, columns)
        found.setdefault((defect.x_px, defect.y_px), defect)
        if len(found) > _MOST_PX:
            raise DefectError(f"{path}: names more than {_MOST_PX} pixels")
    return list(found.values())


def _columns(cells: list[str]) -> dict[str, int] | None:
    """Places of the columns, where a line is a heading."""
    names = [cell.lower().removesuffix("_px") for cell in cells]
    if "x" not in names or "y" not in names:
        return None
    return {name: names.index(name) for name in ("x", "y", "kind") if name in names}


def _defect(place: str, cells: list[str], columns: dict[str, int]) -> Defect:
    needed = 1 + max(columns["x"], columns["y"])
    most = 1 + max(needed - 1, columns.get("kind", 0))
    if not needed <= len(cells) <= max(most, needed):
        raise DefectError(f"{place}: has {len(cells)} values; expected x,y or x,y,kind")
    x_px = _number(place, cells[columns["x"]])
    y_px = _number(place, cells[columns["y"]])
    at = columns.get("kind", len(cells))
    kind = cells[at].lower() if at < len(cells) else "defect"
    if kind.isdecimal():  # dcraw: when it died
        kind = "defect"
    if kind not in KINDS:
        raise DefectError(f"{place}: {kind[:40]!r} is no kind; expected one of {', '.join(KINDS)}")
    return Defect(x_px, y_px, kind)


def _number(place: str, cell: str) -> int:
    if not (cell.isascii() and cell.isdecimal() and len(cell) < 7):
        raise DefectError(f"{place}: {cell[:40]!r} is no pixel number (0, 1, 2, ...)")
    return int(cell)


def write_defects(defects: Iterable[Defect]) -> str:
    """Text of a list, by rows and columns."""
    ordered = sorted(defects, key=lambda one: (one.y_px, one.x_px))
    return "\n".join([HEADING, *(f"{one.x_px},{one.y_px},{one.kind}" for one in ordered)]) + "\n"


def defects_of(calibration: Calibration, *, hot: bool = False) -> list[Defect]:
    """Pixels that a calibration can't use, and those far below the level; with `hot`, hot ones too.

    A hot pixel has its own threshold and is used: masked is what a list names.
    """
    limit = calibration.level_adu - _DEAD_SIGMA * max(calibration.noise_adu, 1.0)
    dead = calibration.mean_adu < limit
    chosen = [("dead", dead), ("masked", calibration.masked & ~dead)]
    if hot:
        chosen.append(("hot", calibration.hot & ~dead & ~calibration.masked))
    return [
        Defect(int(x), int(y), kind)
        for kind, where in chosen
        for y, x in zip(*np.nonzero(where), strict=True)
    ]


def with_defects(calibration: Calibration, defects: Iterable[Defect]) -> Calibration:
    """Mask all pixels of a list, for good: another calibration, with an `id` of its own.

    Raises
    ------
    DefectError
        A pixel lies outside the sensor.
    """
    listed = _map_of(defects, calibration.masked.shape)
    if calibration.listed is not None:
        listed |= calibration.listed
        if np.array_equal(listed, calibration.listed):
            return calibration
    if not listed.any():
        return calibration
    seed, growth = calibration.seed_threshold.copy(), calibration.growth_threshold.copy()
    seed[listed] = growth[listed] = MASKED
    look = calibration.look_threshold
    if look is not None:
        look = look.copy()
        look[listed] = MASKED
    own_id = calibration_id(
        calibration.mode,
        calibration.cover,
        mean=calibration.mean_adu,
        sigma=calibration.sigma_adu,
        seed=seed,
        growth=growth,
        **cluster_maps(calibration.cluster, look),
    )
    return replace(
        calibration,
        id=own_id,
        seed_threshold=seed,
        growth_threshold=growth,
        look_threshold=look,
        masked=calibration.masked | listed,
        hot=calibration.hot & ~listed,
        listed=listed,
    )


def _map_of(defects: Iterable[Defect], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    height, width = shape
    listed = np.zeros(shape, np.bool_)
    for one in defects:
        if one.x_px >= width or one.y_px >= height:
            raise DefectError(
                f"the pixel x {one.x_px}, y {one.y_px} of the defect list lies outside the "
                f"sensor ({width}x{height}); is the list of another sensor or mode?"
            )
        listed[one.y_px, one.x_px] = True
    return listed
