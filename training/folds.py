"""Splits that never part a group: what looks alike is trained on, or tested with, as a whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from training.labelled import LabelledCrops

Split = tuple[NDArray[np.int64], NDArray[np.int64]]


def group_folds(crops: LabelledCrops, folds: int, seed: int) -> Iterator[Split]:
    """Stratified group k-fold: rows to train on and rows to test with, each tested once."""
    from sklearn.model_selection import StratifiedGroupKFold

    classes = np.where(crops.label >= 0, crops.label, crops.votes.argmax(axis=1))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for train, test in splitter.split(classes, classes, crops.group):
        yield np.asarray(train, np.int64), np.asarray(test, np.int64)


def held_out(crops: LabelledCrops, share: float, seed: int) -> Split:
    """Part about `share` of the rows off, whole groups of them, classes as even as can be."""
    return next(group_folds(crops, max(round(1 / share), 2), seed))
