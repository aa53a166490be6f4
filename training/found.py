"""One labelled crop as a reader finds it, and the words a label may be written in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.features.hit import Place

NO_LABEL = -1
LeftOut = Counter[str]
"""How many were left out, by the reason."""

_WORDS = {word: i for i, name in enumerate(CLASSES) for word in (name, f"{name}s")}
_WORDS |= {"artifact": CLASSES.index("artefact"), "artifacts": CLASSES.index("artefact")}


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One labelled crop; the fields are those of `training.labelled.LabelledCrops`."""

    pixels: NDArray[Any]
    votes: tuple[float, ...]
    label: int
    confident: bool
    group: str
    name: str
    place: Place | None = None


def labelled_found(
    pixels: NDArray[Any], label: int, group: str, name: str, *, place: Place | None = None
) -> Found:
    """What has a label that nobody voted on: one judge's."""
    return Found(pixels, tuple(np.eye(len(CLASSES))[label]), label, True, group, name, place)


def label_of(word: str) -> int:
    """Position of the class that a word names, in the singular or plural; -1: none."""
    return _WORDS.get(word.strip().lower(), NO_LABEL)


def label_of_file(path: Path) -> int:
    """Position of the one class that a file is named after, as ``tracks.json``; -1: none."""
    words = re.split(r"[^a-z]+", path.stem.lower())
    labels = {label_of(word) for word in words} - {NO_LABEL}
    return labels.pop() if len(labels) == 1 else NO_LABEL


def reasons(left_out: Mapping[str, int]) -> Iterator[str]:
    """Say what was left out, a line a reason, the most frequent first."""
    for reason, count in Counter(left_out).most_common():
        yield f"{count:,} left out: {reason}"
