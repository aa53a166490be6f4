"""Labelled crops of every kind, read into one form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.errors import BadUse
from edge.features.hit import Place
from edge.recording.layout import TRUTH_NAME
from training.detections import read_detections
from training.found import NO_LABEL, Found, LeftOut, reasons
from training.labelled_hits import LABELS, labels_beside, read_labelled_hits
from training.own_hits import hit_files, is_hits, read_own
from training.pictures import INDEX, read_class_folders, read_indexed
from training.simulated import read_simulated

__all__ = ["INDEX", "NO_LABEL", "LabelledCrops", "joined", "read_labelled"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCrops:
    """Crops of hits, what people called them, and which of them belong together.

    Attributes
    ----------
    pixels : tuple of ndarray, each of shape (height, width), uint8 or uint16
        Gray; of a rig's own hits the raw counts.
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
    left_out : mapping of str to int
        How many of what lay there can't be used, by the reason.
    places : tuple of (row, column) or None
        Where the hit lies in each crop, if a rig says it; empty where none does.
    """

    pixels: tuple[NDArray[Any], ...]
    votes: NDArray[np.float32]
    label: NDArray[np.int64]
    confident: NDArray[np.bool_]
    group: tuple[str, ...]
    name: tuple[str, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    places: tuple[Place | None, ...] = ()

    @property
    def is_own(self) -> NDArray[np.bool_]:
        """Which are a rig's own hits, recorded or simulated, shape (n,); the rest are pictures."""
        return np.array([one is not None for one in self.each_place], np.bool_)

    @property
    def each_place(self) -> tuple[Place | None, ...]:
        """Place of every crop."""
        return self.places or (None,) * len(self)

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
            places=tuple(self.each_place[i] for i in chosen),
        )


def joined(parts: Sequence[LabelledCrops]) -> LabelledCrops:
    """All of them behind one another; groups of different folders stay different."""
    left_out: LeftOut = Counter()
    for part in parts:
        left_out.update(part.left_out)
    return LabelledCrops(
        tuple(one for part in parts for one in part.pixels),
        np.concatenate([part.votes for part in parts]),
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.confident for part in parts]),
        tuple(f"{i}/{one}" for i, part in enumerate(parts) for one in part.group),
        tuple(one for part in parts for one in part.name),
        left_out,
        tuple(one for part in parts for one in part.each_place),
    )


def read_labelled(path: Path) -> LabelledCrops:
    """Read labelled crops from a file, or from a folder and the folders in it.

    What it is is told by what lies there; a folder may hold several kinds:

    1. ``index.csv`` with ``vote_spot`` … ``vote_artefact``: CREDO hits with several judges each,
       pictures in ``png/<id>.png``.
    2. ``index.csv`` with ``file`` and ``label``: pictures beside it.
    3. Folders ``spot``, ``track``, ``worm`` and ``artefact`` (not all need be there).
    4. JSON of CREDO's API (`training.detections`).
    5. Hits of a rig or a replay with a table of labels beside (`training.labelled_hits`).
    6. Hits of a replay with the truth of the simulation beside (`training.simulated`).

    What can't be used is left out and counted.

    Raises
    ------
    BadUse
        It is none of these, nothing of it can be used, or a file of it is damaged as a whole.
    """
    left_out: LeftOut = Counter()
    try:
        found = list(_folder(path, left_out) if path.is_dir() else _file(path, left_out))
    except OSError as error:
        raise BadUse(f"{error.filename or path}: can't be read ({error.strerror})") from None
    if not found:
        why = "".join(f"; {line}" for line in reasons(left_out))
        raise BadUse(
            f"{path}: no labelled crops{why}; name a folder with {INDEX}, with folders "
            f"{', '.join(CLASSES)}, JSON of CREDO's API, or hits with {LABELS} or {TRUTH_NAME}"
        )
    return LabelledCrops(
        tuple(one.pixels for one in found),
        np.array([one.votes for one in found], np.float32),
        np.array([one.label for one in found], np.int64),
        np.array([one.confident for one in found], np.bool_),
        tuple(one.group for one in found),
        tuple(one.name for one in found),
        left_out,
        tuple(one.place for one in found),
    )


def _folder(folder: Path, left_out: LeftOut) -> Iterator[Found]:
    yield from _flat(folder, "", left_out)
    if (folder / INDEX).is_file():
        return  # what lies below are its pictures
    for below in sorted(folder.iterdir()):
        hidden = below.name.startswith(".")
        if below.is_dir() and not hidden and below.name not in CLASSES:
            yield from _flat(below, f"{below.name}/", left_out)


def _flat(folder: Path, prefix: str, left_out: LeftOut) -> Iterator[Found]:
    """What lies in a folder itself; `prefix` sets it apart from its neighbours."""
    pictures = read_indexed if (folder / INDEX).is_file() else read_class_folders
    for one in pictures(folder, left_out):
        yield replace(one, name=prefix + one.name, group=prefix + one.group)
    for path in sorted(folder.glob("*.json")):
        for one in read_detections(path, left_out):
            yield replace(one, name=prefix + one.name)
    for one in _hits(folder, hit_files(folder), left_out):
        yield replace(one, name=prefix + one.name)


def _file(path: Path, left_out: LeftOut) -> Iterator[Found]:
    if not path.is_file():
        raise BadUse(f"{path}: is no file or folder of labelled crops")
    if path.name in (INDEX, LABELS, TRUTH_NAME):
        yield from _flat(path.parent, "", left_out)
    elif path.suffix.lower() == ".json":
        yield from read_detections(path, left_out)
    elif is_hits(path):
        yield from _hits(path.parent, [path], left_out)
    else:
        raise BadUse(f"{path}: is no table, no hits and no JSON of CREDO's API")


def _hits(folder: Path, paths: Sequence[Path], left_out: LeftOut) -> Iterator[Found]:
    """Hits of one folder, labelled by people or, where nobody did, by the truth beside them."""
    tables, truth = labels_beside(paths), folder / TRUTH_NAME
    if not paths:
        if truth.is_file():
            left_out[f"{TRUTH_NAME} without hits (replay the recording with --out in it)"] += 1
        return
    own = list(read_own(paths, left_out))
    if tables:
        yield from read_labelled_hits(tables, own, left_out)
    elif truth.is_file():
        if len(paths) > 1:
            names = ", ".join(one.name for one in paths)
            raise BadUse(f"{folder}: {len(paths)} hits files beside one {TRUTH_NAME} ({names})")
        yield from read_simulated(truth, own, left_out)
    else:
        left_out["hit without a label"] += len(own)
