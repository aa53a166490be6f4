"""Makes a net's answers probabilities: one temperature for each of its two outputs.

A net that was trained until it knows its crops by heart is too sure of others. Dividing its logits
by one number leaves every class as it is and mends that (Guo et al., ICML 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHARPEST, _HIGHEST, _STEPS = 0.2, 8.0, 150
_LOWEST = 1.05
"""Never 1 or less: a new camera differs more from those of a set than they do from one another, so
answers are made a little less sure than the net is."""


@dataclass(frozen=True, slots=True)
class Temperatures:
    """What logits are divided by.

    Attributes
    ----------
    label : float
        For the probability of the class that most judges chose.
    votes : float
        For the share of judges.
    """

    label: float = 1.0
    votes: float = 1.0

    def scores(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities of the majority's class."""
        return softmax(logits / self.label)

    def shares(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """Expected shares of judges."""
        return softmax(logits / self.votes)


def temperatures_of(
    logits: NDArray[Any], votes: NDArray[Any], label: NDArray[np.int64]
) -> Temperatures:
    """Fit both to crops that were not trained on; rows without a label count for votes alone."""
    known = label >= 0
    one_hot = np.eye(logits.shape[1])[label[known]]
    return Temperatures(
        temperature_of(logits[known], one_hot, _LOWEST), temperature_of(logits, votes, _LOWEST)
    )


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Of each row."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float64)


def temperature_of(logits: NDArray[Any], targets: NDArray[Any], lowest: float = _SHARPEST) -> float:
    """Temperature of the least cross entropy; 1 where there is nothing to fit."""
    if not len(logits):
        return 1.0
    tried = np.geomspace(lowest, _HIGHEST, _STEPS)
    losses = [
        -float((targets * np.log(np.maximum(softmax(logits / one), 1e-12))).sum()) for one in tried
    ]
    best = float(tried[int(np.argmin(losses))])
    return best if math.isfinite(best) else 1.0
