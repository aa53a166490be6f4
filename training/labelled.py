"""Labelled crops of every kind, read into one form."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.errors import BadUse
from edge.pictures import Refused, read_picture

INDEX = "index.csv"
NO_LABEL = -1


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCrops:
    """Crops of hits, what people called them, and which of them belong together.

    Attributes
    ----------
    pixels : tuple of ndarray, each of shape (height, width), uint8 or uint16
        Gray.
    votes : ndarray of float32, shape (n, 4)
        Shares of judges in the order of `edge.classification.classes.CLASSES`, summing to 1; a
        label that nobody voted on is one judge's.
    label : ndarray of int64, shape (n,)
        Position of the agreed class; -1 where people did not agree.
    confident : ndarray of bool, shape (n,)
        Whether nearly all of them did.
    group : tuple of str
        Crops of one device, or alike: a group is never split between training and test.
    name : tuple of str
        Where each came from.
    """

    pixels: tuple[NDArray[Any], ...]
    votes: NDArray[np.float32]
    label: NDArray[np.int64]
    confident: NDArray[np.bool_]
    group: tuple[str, ...]
    name: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, chosen: NDArray[np.int64]) -> LabelledCrops:
        """Some of them, in the order asked for."""
        return LabelledCrops(
            tuple(self.pixels[i] for i in chosen),
            self.votes[chosen],
            self.label[chosen],
            self.confident[chosen],
            tuple(self.group[i] for i in chosen),
            tuple(self.name[i] for i in chosen),
        )


def joined(parts: Sequence[LabelledCrops]) -> LabelledCrops:
    """All of them behind one another; groups of different folders stay different."""
    return LabelledCrops(
        tuple(one for part in parts for one in part.pixels),
        np.concatenate([part.votes for part in parts]),
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.confident for part in parts]),
        tuple(f"{i}/{one}" for i, part in enumerate(parts) for one in part.group),
        tuple(one for part in parts for one in part.name),
    )


def read_labelled(folder: Path) -> LabelledCrops:
    """Read a folder of labelled crops.

    Three kinds are told by what lies in it:

    1. ``index.csv`` with ``vote_spot`` … ``vote_artefact``: CREDO hits with several judges each,
       pictures in ``png/<id>.png``.
    2. ``index.csv`` with ``file`` and ``label``: pictures beside it.
    3. Folders ``spot``, ``track``, ``worm`` and ``artefact`` (not all need be there).

    A picture that can't be read, and a row with neither votes nor a label, are left out.

    Raises
    ------
    BadUse
        It is none of these, or nothing of it can be used.
    """
    index = folder / INDEX
    if index.is_file():
        rows = _rows(index)
        known = "vote_spot" in rows[0] if rows else False
        found = list(_with_votes(folder, rows) if known else _with_labels(folder, rows))
    else:
        found = list(_by_folder(folder))
    if not found:
        raise BadUse(
            f"{folder}: no labelled crops; name a folder with {INDEX}, "
            f"or with folders {', '.join(CLASSES)}"
        )
    pixels, votes, labels, confident, groups, names = zip(*found, strict=True)
    return LabelledCrops(
        pixels,
        np.array(votes, np.float32),
        np.array(labels, np.int64),
        np.array(confident, np.bool_),
        groups,
        names,
    )


_Found = tuple[NDArray[Any], tuple[float, ...], int, bool, str, str]


def _rows(index: Path) -> list[dict[str, str]]:
    try:
        with index.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadUse(f"{index}: can't be read as a table ({error})") from None
    if rows and "label" not in rows[0]:
        raise BadUse(f"{index}: has no column label")
    return rows


def _with_votes(folder: Path, rows: Sequence[dict[str, str]]) -> Iterator[_Found]:
    for line, row in enumerate(rows, 2):
        pixels = _picture(folder / "png" / f"{row.get('id')}.png")
        votes = _votes(folder / INDEX, line, row)
        label = _label(row["label"])
        if pixels is None or not (votes.sum() > 0 or label != NO_LABEL):
            continue
        shares = votes / votes.sum() if votes.sum() > 0 else np.eye(len(CLASSES))[label]
        confident = row.get("label_quality") == "confident"
        yield pixels, tuple(shares), label, confident, row.get("group") or row["id"], row["id"]


def _votes(index: Path, line: int, row: dict[str, str]) -> NDArray[np.float64]:
    try:
        votes = np.array([float(row.get(f"vote_{name}") or 0) for name in CLASSES])
    except ValueError as error:
        raise BadUse(f"{index}: line {line}: a vote is no number ({error})") from None
    if not (np.isfinite(votes) & (votes >= 0)).all():
        raise BadUse(f"{index}: line {line}: votes are shares, 0 and above")
    return votes


def _with_labels(folder: Path, rows: Sequence[dict[str, str]]) -> Iterator[_Found]:
    for row in rows:
        name = row.get("file") or ""
        pixels, label = _picture(folder / name), _label(row["label"])
        if name and pixels is not None and label != NO_LABEL:
            yield pixels, _alone(label), label, True, row.get("group") or name, name


def _by_folder(folder: Path) -> Iterator[_Found]:
    for label, kind in enumerate(CLASSES):
        for path in sorted((folder / kind).glob("*")):
            if (pixels := _picture(path)) is not None:
                yield pixels, _alone(label), label, True, path.stem, f"{kind}/{path.name}"


def _label(text: str) -> int:
    return CLASSES.index(text) if text in CLASSES else NO_LABEL


def _alone(label: int) -> tuple[float, ...]:
    return tuple(np.eye(len(CLASSES))[label])


def _picture(path: Path) -> NDArray[Any] | None:
    try:
        return read_picture(path.read_bytes())
    except (OSError, Refused):
        return None
