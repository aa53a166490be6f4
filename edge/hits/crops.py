"""Crops of hits from wherever they lie: pictures, hits of a rig or a replay, CREDO's API exports.

What can't be read comes out as well, in its place and with the reason: nothing is lost silently.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from edge.errors import CosmicEdgeError
from edge.frame import Frame, Pixels
from edge.hits.decoding import JPEG_HEAD, PNG_HEAD, decode_picture, detections_in, frame_content
from edge.sources.grouping import natural_key

_SQLITE_HEAD = b"SQLite format 3\x00"
_HIT_MARK = b'"schema":"cosmic-edge/'
_HEAD_BYTES = 4096
_PICTURES = (
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".fits", ".fit", ".fts",
    ".fits.gz", ".fit.gz", ".npy",
)  # fmt: skip
_TABLES = (".json", ".jsonl", ".sqlite")


@dataclass(frozen=True, slots=True, eq=False)
class NamedCrop:
    """A crop and where it came from.

    Attributes
    ----------
    source : str
        File, or the database of a rig.
    item : str
        Which one of it: id of a hit or a detection, plane of a file with several; else "".
    pixels : ndarray, shape (height, width), uint8 or uint16
        Counts; of colour the luma.
    bit_depth : int
        Bits of a count: 2^n - 1 is full scale.
    encoded : bytes or None
        The PNG it was read from, as it is, colour and all.
    """

    source: str
    item: str
    pixels: Pixels
    bit_depth: int
    encoded: bytes | None = None

    @property
    def name(self) -> str:
        """Source, and ``#item`` where it is one of several."""
        return named(self.source, self.item)

    @property
    def full_scale_adu(self) -> float:
        """Largest count there can be."""
        return float(2**self.bit_depth - 1)


@dataclass(frozen=True, slots=True)
class RefusedCrop:
    """What can't be read as a crop, and why: one clause, without the name."""

    source: str
    item: str
    why: str

    @property
    def name(self) -> str:
        """Source, and ``#item`` where it is one of several."""
        return named(self.source, self.item)


Read = NamedCrop | RefusedCrop


def named(source: str, item: str) -> str:
    """Name of a crop for people."""
    return f"{source}#{item}" if item else source


def read_crops(paths: Iterable[Path]) -> Iterator[Read]:
    """Read the crops of files and folders, one at a time.

    Parameters
    ----------
    paths : iterable of Path
        Each one of:

        - a picture: PNG or JPEG, gray or colour; TIFF, FITS and ``.npy``, with one or more
          planes;
        - a hits file of a replay, or a rig's archive;
        - JSON of CREDO's API: ``{"detections": [{"id": …, "frame_content": base64}, …]}``, or
          that list alone;
        - a rig's state folder, or a folder with any of these, looked through with its subfolders
          in natural order; hidden files and others (notes, tables) are passed over.

    Yields
    ------
    NamedCrop or RefusedCrop
        In the order of `paths`, and of each file.
    """
    for path in paths:
        if path.is_dir():
            yield from _folder(path)
        else:
            yield from _file(path)


def _folder(path: Path) -> Iterator[Read]:
    from edge.delivery.database import FILE_NAME

    if (path / FILE_NAME).is_file():
        yield from _hits(path)
        return
    try:
        entries = sorted(os.scandir(path), key=lambda entry: natural_key(entry.name))
    except OSError as error:
        yield RefusedCrop(str(path), "", error.strerror or str(error))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _folder(path / entry.name)
        elif entry.name.lower().endswith((*_PICTURES, *_TABLES)):
            yield from _file(path / entry.name)


def _file(path: Path) -> Iterator[Read]:
    """Tell by the first bytes what a file is, and read it."""
    try:
        if path.exists() and not path.is_file():
            yield RefusedCrop(str(path), "", "is no ordinary file")
            return
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        yield RefusedCrop(str(path), "", error.strerror or str(error))
        return
    if not head:
        yield RefusedCrop(str(path), "", "is empty")
    elif head.startswith((PNG_HEAD, JPEG_HEAD)):
        yield _picture(path)
    elif head.startswith(_SQLITE_HEAD) or _HIT_MARK in head:
        yield from _hits(path)
    elif path.name.lower().endswith(_PICTURES):
        yield from _planes(path)
    elif head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        yield from _detections(path)
    else:
        yield RefusedCrop(str(path), "", "is no picture, no hits and no JSON of CREDO's")


def _picture(path: Path) -> Read:
    try:
        data = path.read_bytes()
        pixels, bits = decode_picture(data)
    except OSError as error:
        return RefusedCrop(str(path), "", error.strerror or str(error))
    except ValueError as error:
        return RefusedCrop(str(path), "", str(error))
    return NamedCrop(str(path), "", pixels, bits, data if data.startswith(PNG_HEAD) else None)


def _planes(path: Path) -> Iterator[Read]:
    """Planes of a TIFF, FITS or ``.npy`` file, as counts."""
    from edge.sources.folder import open_file

    try:
        (series,) = open_file(path).series()
        for frame in series.frames():
            item = str(frame.index) if series.count > 1 else ""
            if isinstance(frame, Frame):
                yield NamedCrop(
                    str(path), item, cast(Pixels, np.array(frame.pixels)), frame.mode.bit_depth
                )
            else:
                yield RefusedCrop(str(path), item, frame.detail)
    except CosmicEdgeError as error:
        yield RefusedCrop(str(path), "", _without(path, str(error)))


def _hits(path: Path) -> Iterator[Read]:
    from edge.hits.query import Query
    from edge.hits.reader import open_hits

    try:
        with contextlib.closing(open_hits(path)) as reader:
            for hit in reader.hits(Query()):
                crop, item = hit.message.crop, hit.message.id
                try:
                    encoded, pixels = hit.png(), hit.pixels()
                except ValueError as error:
                    yield RefusedCrop(reader.place, item, str(error))
                else:
                    yield NamedCrop(reader.place, item, pixels, crop.bit_depth, encoded)
            if reader.damage:
                more = f", and {reader.damage.count - 1} more" * (reader.damage.count > 1)
                yield RefusedCrop(reader.place, "", f"{reader.damage.first}{more}")
    except CosmicEdgeError as error:
        yield RefusedCrop(str(path), "", _without(path, str(error)))


def _detections(path: Path) -> Iterator[Read]:
    try:
        found = detections_in(path.read_bytes())
    except OSError as error:
        yield RefusedCrop(str(path), "", error.strerror or str(error))
        return
    except ValueError as error:
        yield RefusedCrop(str(path), "", str(error))
        return
    if found is None:
        yield RefusedCrop(str(path), "", 'is JSON without a list of "detections"')
        return
    for index, one in enumerate(found):
        yield _detection(str(path), index, one)


def _detection(source: str, index: int, found: Any) -> Read:
    if not isinstance(found, dict):
        return RefusedCrop(source, f"[{index}]", "is no detection")
    # What was never sent to a server has no id.
    item = str(found.get("id", f"[{index}]"))
    try:
        data = frame_content(found)
    except ValueError as error:
        return RefusedCrop(source, item, str(error))
    try:
        pixels, bits = decode_picture(data)
    except ValueError as error:
        return RefusedCrop(source, item, f"its frame_content {error}")
    return NamedCrop(source, item, pixels, bits, data if data.startswith(PNG_HEAD) else None)


def _without(path: Path, line: str) -> str:
    """A fault's line without the path that it begins with."""
    return line.removeprefix(f"{path}: ")
