"""Labelled pictures in folders: with a table of labels or votes, or a folder for each class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.pictures import Refused, read_picture
from training.found import NO_LABEL, Found, LeftOut, label_of, labelled_found
from training.table import Row, read_rows, votes_of

INDEX = "index.csv"
_DAMAGED = "picture that is missing or can't be read"
_UNLABELLED = "row with neither votes nor a class"


def read_indexed(folder: Path, left_out: LeftOut) -> Iterator[Found]:
    """Read what `index.csv` names: with ``vote_spot`` … pictures in ``png``, else beside it.

    Raises
    ------
    BadUse
        That is no such table.
    """
    rows = read_rows(folder / INDEX, ("label",))
    if rows and "vote_spot" in rows[0]:
        yield from _with_votes(folder, rows, left_out)
    else:
        yield from _with_labels(folder, rows, left_out)


def read_class_folders(folder: Path, left_out: LeftOut) -> Iterator[Found]:
    """Read the pictures in folders ``spot``, ``track``, ``worm`` and ``artefact``."""
    for label, kind in enumerate(CLASSES):
        for path in sorted((folder / kind).glob("*")):
            pixels = _picture(path)
            if pixels is None:
                left_out[_DAMAGED] += 1
            else:
                yield labelled_found(pixels, label, path.stem, f"{kind}/{path.name}")


def _with_votes(folder: Path, rows: Sequence[Row], left_out: LeftOut) -> Iterator[Found]:
    for line, row in enumerate(rows, 2):
        pixels = _picture(folder / "png" / f"{row.get('id')}.png")
        votes = votes_of(folder / INDEX, line, row)
        label = label_of(row["label"])
        if pixels is None or not (votes.sum() > 0 or label != NO_LABEL):
            left_out[_DAMAGED if pixels is None else _UNLABELLED] += 1
            continue
        shares = votes / votes.sum() if votes.sum() > 0 else np.eye(len(CLASSES))[label]
        confident = row.get("label_quality") == "confident"
        group = row.get("group") or row["id"]
        yield Found(pixels, tuple(shares), label, confident, group, row["id"])


def _with_labels(folder: Path, rows: Sequence[Row], left_out: LeftOut) -> Iterator[Found]:
    for row in rows:
        name = row.get("file") or ""
        pixels, label = _picture(folder / name), label_of(row["label"])
        if not name or pixels is None or label == NO_LABEL:
            left_out[_UNLABELLED if name and pixels is not None else _DAMAGED] += 1
        else:
            yield labelled_found(pixels, label, row.get("group") or name, name)


def _picture(path: Path) -> NDArray[Any] | None:
    try:
        return read_picture(path.read_bytes())
    except (OSError, Refused):
        return None
