"""Features of crops as a table, and the crops as pictures beside it."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from edge.crop import encode_png
from edge.detection import Crop
from edge.errors import BadUse, Failed
from edge.features import FEATURE_NAMES, image_features
from edge.hits.crops import NamedCrop, RefusedCrop, read_crops
from edge.outfile import FEATURES, check_place, replacing

COLUMNS = ("source", "item", "picture", "width_px", "height_px", "bit_depth")
"""Where a row came from; the features follow."""
_DIGITS = 9
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(slots=True)
class Measured:
    """What was done.

    Attributes
    ----------
    path : Path
        The table.
    png : Path or None
        Folder of the pictures.
    count : int
        Rows written.
    refused : list of RefusedCrop
        What could not be read.
    """

    path: Path
    png: Path | None
    count: int = 0
    refused: list[RefusedCrop] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "measured": self.count,
            "features": len(FEATURE_NAMES),
            "refused": [asdict(one) for one in self.refused],
            "path": str(self.path),
            "png": None if self.png is None else str(self.png),
        }


def measure_crops(
    paths: Iterable[Path],
    out: Path,
    *,
    png: Path | None = None,
    advance: Callable[[float], None] = lambda steps: None,
) -> Measured:
    """Write `image_features` of every crop as CSV: one row each, in the order they are read.

    Parameters
    ----------
    paths : iterable of Path
        As `edge.hits.crops.read_crops` takes them.
    out : Path
        CSV to write; it appears when it is whole. A table of features that is there is replaced.
    png : Path, optional
        New or empty folder for the crops as PNG: byte for byte where they were PNG, else the gray
        counts that were measured. Column ``picture`` names each.
    advance : callable, optional
        Told 1 for each crop.

    Raises
    ------
    edge.errors.BadUse
        `out` is a file of another kind, or `png` lies inside what is read.
    edge.errors.Failed
        No crop could be read, `png` isn't empty, the disk is full.
    """
    paths = list(paths)
    check_place(out, FEATURES)
    if png is not None:
        _check_folder(png, paths)
    done = Measured(out, png)
    try:
        with _folder(png) as folder, replacing(out) as file:
            _write(paths, file, folder, done, advance)
            if not done.count:
                raise Failed(_nothing(done.refused))
    except OSError as error:
        raise Failed(f"{error.filename or out}: can't be written ({error.strerror})") from None
    return done


def _write(
    paths: Iterable[Path],
    file: IO[bytes],
    folder: Path | None,
    done: Measured,
    advance: Callable[[float], None],
) -> None:
    # A file's name may be in no encoding.
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, *FEATURE_NAMES))
    taken: set[str] = set()
    for crop in read_crops(paths):
        advance(1)
        if isinstance(crop, RefusedCrop):
            done.refused.append(crop)
            continue
        picture = _save(crop, folder, taken) if folder is not None else ""
        height, width = crop.pixels.shape
        values = image_features(crop.pixels, full_scale_adu=crop.full_scale_adu)
        numbers = (f"{value:.{_DIGITS}g}" for value in values.tolist())
        writer.writerow((crop.source, crop.item, picture, width, height, crop.bit_depth, *numbers))
        done.count += 1
    text.flush()
    text.detach()


def _save(crop: NamedCrop, folder: Path, taken: set[str]) -> str:
    """Write a crop's picture; returns its name, which no other has."""
    stem = Path(crop.source).stem
    # Hits of one rig have one source: their own ids say enough.
    base = _UNSAFE.sub("_", f"{stem}_{crop.item}" if crop.item else stem)[:120]
    name, number = f"{base}.png", 2
    while name.casefold() in taken:
        name, number = f"{base}_{number}.png", number + 1
    taken.add(name.casefold())
    (folder / name).write_bytes(crop.encoded or encode_png(Crop(crop.pixels, 0, 0)))
    return name


@contextlib.contextmanager
def _folder(path: Path | None) -> Iterator[Path | None]:
    """Give a folder that appears under its name when it is whole."""
    if path is None:
        yield None
        return
    part = path.with_name(path.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if path.exists():
            path.rmdir()
        part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _check_folder(path: Path, sources: Iterable[Path]) -> None:
    if path.name in ("", "..") or (path.exists() and not path.is_dir()):
        raise BadUse(f"{path}: is no new folder; name another --png")
    try:
        if path.exists() and any(path.iterdir()):
            raise Failed(f"{path}: is not empty; name another --png")
    except OSError as error:
        raise Failed(f"{path}: can't be used ({error.strerror or error})") from None
    inside = path.resolve()
    for source in sources:
        if source.is_dir() and inside.is_relative_to(source.resolve()):
            raise BadUse(f"{path}: lies inside {source}, which is read; name another --png")


def _nothing(refused: list[RefusedCrop]) -> str:
    if not refused:
        return "no crops found: no pictures, no hits and no JSON of CREDO's"
    more = f" (and {len(refused) - 1} more)" * (len(refused) > 1)
    return f"no crop can be read: {refused[0].name}: {refused[0].why}{more}"
