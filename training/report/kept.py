"""How right a method is where only its surest answers are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import ratio
from training.report.labelled_answers import Answers
from training.scores import SURE


@dataclass(frozen=True, slots=True, eq=False)
class KeptCurve:
    """Accuracy against the share of rows kept, from the surest answer on.

    Attributes
    ----------
    share, accuracy : ndarray of float64, shape (n,)
        One for each answer; of equal scores the mean over every order they may come in.
    sure_share, sure_accuracy : float
        Where scores are above 0.9; no accuracy, NaN, where none is.
    """

    share: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    sure_share: float
    sure_accuracy: float

    def to_json(self, most: int = 200) -> dict[str, object]:
        """Figures alone, no more points than a plot shows."""
        places = np.unique(np.linspace(0, len(self.share) - 1, most).astype(int))
        chosen = places if len(self.share) else places[:0]
        return {
            "share": self.share[chosen].tolist(),
            "accuracy": self.accuracy[chosen].tolist(),
            "sure_share": self.sure_share,
            "sure_accuracy": self.sure_accuracy,
        }


def kept_curve(answers: Answers) -> KeptCurve:
    """Sort the answers of all repeats by their largest score."""
    top, right = answers.top.ravel(), answers.right.ravel()
    _, run, length = np.unique(-top, return_inverse=True, return_counts=True)
    expected = ratio(np.bincount(run, right, len(length)), length)
    count = np.arange(1, len(top) + 1)
    accuracy = np.cumsum(np.repeat(expected, length)) / count
    sure = top > SURE
    return KeptCurve(
        count / max(len(top), 1),
        accuracy,
        float(sure.mean()) if sure.size else float("nan"),
        float(right[sure].mean()) if sure.any() else float("nan"),
    )
