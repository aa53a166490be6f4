"""Hits into files of other programs: what to write, and never over what is there."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from edge.errors import BadUse, Failed
from edge.hits.pictures import write_pictures
from edge.hits.query import Query
from edge.hits.reader import HitReader
from edge.hits.record import Damage, StoredHit
from edge.hits.sheet import Order, write_sheet
from edge.hits.tables import write_csv, write_parquet
from edge.outfile import is_stream

Format = Literal["csv", "parquet", "png", "sheet", "credo"]
FORMATS: tuple[Format, ...] = ("csv", "parquet", "png", "sheet", "credo")


@dataclass(frozen=True, slots=True)
class Export:
    """What an export did.

    Attributes
    ----------
    path : Path
        File or folder written.
    exported : int
        Hits written.
    refused : dict of str to int
        Hits left out, by reason: an origin that is no camera or ``rejected`` (CREDO),
        ``unreadable_crop``, ``over_1000`` (a contact sheet holds no more).
    damage : Damage
        Entries of the source that could not be read.
    """

    path: Path
    exported: int
    refused: dict[str, int] = field(default_factory=dict)
    damage: Damage = field(default_factory=Damage)

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "exported": self.exported,
            "refused": sum(self.refused.values()),
            "refused_by_reason": dict(sorted(self.refused.items())),
            "damaged": self.damage.count,
            "path": str(self.path),
        }


def export_hits(
    reader: HitReader,
    query: Query,
    form: Format,
    path: Path,
    *,
    raw: bool = False,
    order: Order = "brightness",
    force: bool = False,
    device_model: str | None = None,
) -> Export:
    """Write the hits of a query to `path`.

    A file appears when it is complete: an export that fails leaves what was there.

    Parameters
    ----------
    reader : HitReader
        Where the hits lie.
    query : Query
        Which of them.
    form : {"csv", "parquet", "png", "sheet", "credo"}
        PNG makes a folder, the others one file; a sheet is one PNG with all crops.
    path : Path
        File or folder to write.
    raw : bool
        PNG: raw counts in 16 bits instead of a stretched picture.
    order : {"brightness", "frame"}
        Sheet: which comes first.
    force : bool
        Replace what is there.
    device_model : str or None
        CREDO: the device's model; None: the sensor's name.

    Raises
    ------
    edge.errors.Failed
        It exists and `force` is not set, the source can't be read, the disk is full, pyarrow is
        missing.
    edge.errors.BadUse
        It is where the hits lie, or no place for a file; CREDO: the hits are of several rigs.
    """
    refused: Counter[str] = Counter()

    def refuse(reason: str) -> None:
        refused[reason] += 1

    def hits() -> Iterable[StoredHit]:
        return reader.hits(query)

    _check_target(path, reader.place, folder=form == "png", force=force)
    part = path.with_name(path.name + ".part")
    try:
        if form == "png":
            _remove(part)
            part.mkdir(parents=True)
            exported = write_pictures(hits, part, raw=raw, refuse=refuse)
            _replace_folder(part, path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            if form == "csv":
                exported = write_csv(hits, part)
            elif form == "parquet":
                exported = write_parquet(hits, part)
            elif form == "sheet":
                exported = write_sheet(hits(), part, order=order, refuse=refuse)
            else:
                from edge.hits.credo import write_credo  # its room reads hits itself

                exported = write_credo(
                    hits(), part, mode_of=reader.sensor_mode, model=device_model, refuse=refuse
                )
            part.replace(path)
    except OSError as error:
        raise Failed(_why(path, error)) from None
    finally:
        _remove(part)
    return Export(path, exported, dict(refused), reader.damage)


def _check_target(path: Path, source: str, *, folder: bool, force: bool) -> None:
    if is_stream(path) or path.name in ("", ".."):
        raise BadUse(f"{path}: is no ordinary file or new folder; name another --out")
    if folder and path.is_file():
        raise Failed(f"{path}: is a file, pictures need a folder")
    if not folder and path.is_dir():
        raise Failed(f"{path}: is a folder, this format is one file")
    if path.exists() and os.path.exists(source) and path.samefile(source):
        raise BadUse(f"{path}: is where the hits themselves lie; name another --out")
    there = any(path.iterdir()) if path.is_dir() else path.exists()
    if there and not force:
        raise Failed(f"{path}: already there; name another --out or replace it with --force")


def _replace_folder(part: Path, path: Path) -> None:
    """Put new pictures in place; other files of an existing folder stay."""
    if not path.exists():
        part.replace(path)
        return
    for file in part.iterdir():
        file.replace(path / file.name)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _why(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"{path}: the disk is full; nothing was written"
    return f"{path}: can't be written: {error.strerror or error}"
