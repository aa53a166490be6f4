"""Tables of labels and votes: CSV with a line of names."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.errors import BadUse

Row = dict[str, str]


def read_rows(path: Path, wanted: Sequence[str]) -> list[Row]:
    """Read a table, an empty one too; a cell that a row lacks is empty.

    Raises
    ------
    BadUse
        It can't be read, or lacks a column of `wanted`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadUse(f"{path}: can't be read as a table ({error})") from None
    for name in wanted:
        if rows and name not in rows[0]:
            raise BadUse(f"{path}: has no column {name}")
    return rows


def votes_of(path: Path, line: int, row: Row) -> NDArray[np.float64]:
    """Votes of a row in the order of the classes; 0 for those that are not given.

    Raises
    ------
    BadUse
        One is no share.
    """
    try:
        votes = np.array([float(row.get(f"vote_{name}") or 0) for name in CLASSES])
    except ValueError as error:
        raise BadUse(f"{path}: line {line}: a vote is no number ({error})") from None
    if not (np.isfinite(votes) & (votes >= 0)).all():
        raise BadUse(f"{path}: line {line}: votes are shares, 0 and above")
    return votes
