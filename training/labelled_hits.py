"""A rig's or a replay's own hits with a table of what people called them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.classification.classes import CLASSES
from edge.errors import BadUse
from edge.messages import HitMessage
from training.found import NO_LABEL, Found, LeftOut, label_of
from training.own_hits import Own, place_group
from training.scores import ARTEFACT
from training.table import Row, read_rows, votes_of

LABELS = "labels.csv"
_SHORTEST_ID = 8
_CONFIDENT_SHARE = 0.8
_TO_MINUTE = len("2026-11-21T10:00")


def labels_beside(hits: Sequence[Path]) -> list[Path]:
    """Tables of labels for hits files of one folder: ``labels.csv`` and ``HITS.csv``."""
    places = [one.with_name(LABELS) for one in hits]
    places += [one.with_suffix(".csv") for one in hits]
    places += [one.with_name(one.name + ".csv") for one in hits]
    return [one for one in dict.fromkeys(places) if one.is_file()]


def read_labelled_hits(
    tables: Sequence[Path], own: Sequence[Own], left_out: LeftOut
) -> Iterator[Found]:
    """Give hits the labels of tables: ``id,label`` and, if wanted, ``vote_spot`` and so on.

    An id may be cut short, down to 8 characters. Hits of one minute are one group; so are
    artefacts of one place, which mostly are one hot pixel.

    Raises
    ------
    BadUse
        A table lacks a column, or an id in it is too short, fits several hits, or stands there
        twice.
    """
    known = _Ids(own)
    labels: dict[str, _Judged] = {}
    for path in tables:
        for line, row in enumerate(read_rows(path, ("id", "label")), 2):
            hit = known.find(path, line, row["id"])
            if hit is None:
                left_out["label of a hit that is not there"] += 1
            elif hit in labels:
                raise BadUse(f"{path}: line {line}: hit {row['id']} has a label already")
            else:
                labels[hit] = _judged(path, line, row)
    for one in own:
        message = one.hit.message
        judged = labels.get(message.id)
        if judged is None or judged.reason:
            left_out[judged.reason if judged is not None else "hit without a label"] += 1
            continue
        group = _group(message, judged.label)
        yield Found(
            one.pixels, judged.votes, judged.label, judged.confident, group, one.name, one.place
        )


@dataclass(frozen=True, slots=True)
class _Judged:
    """What a row says of a hit; `reason` why that can't be used, "" where it can."""

    label: int
    votes: tuple[float, ...]
    confident: bool
    reason: str


def _judged(path: Path, line: int, row: Row) -> _Judged:
    label, votes = label_of(row["label"]), votes_of(path, line, row)
    if row["label"].strip() and label == NO_LABEL:
        return _Judged(label, (), False, "hit of another class")
    if votes.sum() > 0:
        shares = votes / votes.sum()
        confident = label != NO_LABEL and bool(shares[label] >= _CONFIDENT_SHARE)
        return _Judged(label, tuple(shares), confident, "")
    if label == NO_LABEL:
        return _Judged(label, (), False, "hit without a label")
    return _Judged(label, tuple(np.eye(len(CLASSES))[label]), True, "")


class _Ids:
    """Finds hits by the beginning of their id."""

    def __init__(self, own: Sequence[Own]) -> None:
        self._ids = sorted({one.hit.message.id for one in own})

    def find(self, path: Path, line: int, text: str) -> str | None:
        """Full id of the one hit that is meant; None where it is not there."""
        wanted = text.strip().lower()
        if len(wanted) < _SHORTEST_ID:
            raise BadUse(
                f"{path}: line {line}: id {text!r} is too short: "
                f"{_SHORTEST_ID} characters or more tell hits apart"
            )
        at = bisect_left(self._ids, wanted)
        fits = [one for one in self._ids[at : at + 2] if one.startswith(wanted)]
        if len(fits) > 1 and fits[0] != wanted:
            raise BadUse(f"{path}: line {line}: several hits begin with {text!r}; give more of it")
        return fits[0] if fits else None


def _group(hit: HitMessage, label: int) -> str:
    part = place_group(hit) if label == ARTEFACT else hit.time_utc[:_TO_MINUTE]
    return f"{hit.rig}/{hit.series}/{part}"
