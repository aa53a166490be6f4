"""Which labels to learn from: those that nets which never saw their group do not deny.

A device whose crops were all called artefacts because of some of them teaches that hits are
artefacts. Labels to which nets trained on other groups give almost no probability are left out of
the training (confident learning: Northcutt, Jiang and Chuang, JAIR 70 (2021)), never out of a test.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.labelled import LabelledCrops
from training.temperature import softmax

DENIED = 0.15
"""Less than this for the label, by nets that never saw the group, and it is not learned from.
From 0.1 to 0.2 the outcome is the same within its error."""


def group_weights(group: Sequence[str]) -> NDArray[np.float32]:
    """How much each crop counts: a group as the square root of its crops.

    Hundreds of near-copies of one hot pixel know no more than a few of them. Crops of one source
    count 1 in the mean: simulated ones come in many small groups, people's in few large ones.

    Parameters
    ----------
    group : sequence of str
        ``SOURCE/GROUP`` where several sources are joined.

    Returns
    -------
    ndarray of float32, shape (n,)
        Of mean 1.
    """
    _, member, counts = np.unique(np.asarray(group), return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(counts[member])
    named = [one.partition("/")[0] if "/" in one else "" for one in group]
    _, source, sizes = np.unique(named, return_inverse=True, return_counts=True)
    return np.asarray(weights * (sizes / np.bincount(source, weights))[source], np.float32)


def trusted(crops: LabelledCrops, logits: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows to learn from.

    Parameters
    ----------
    crops : LabelledCrops
    logits : ndarray, shape (n, 4)
        Of nets that never saw the crop's group.
    """
    called = np.where(crops.label >= 0, crops.label, crops.votes.argmax(axis=1))
    given = softmax(logits)[np.arange(len(crops)), called]
    return np.flatnonzero(given >= DENIED)


def worth(crops: LabelledCrops, scores: NDArray[np.float64], weights: NDArray[np.float32]) -> float:
    """How good calibrated answers are: minus the mean cross entropy to the votes, by weight."""
    losses = -(crops.votes * np.log(np.maximum(scores, 1e-12))).sum(axis=1)
    return -float(np.average(losses, weights=weights))
