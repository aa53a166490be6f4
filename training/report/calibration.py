"""Whether scores are probabilities: how often answers of a score are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import ratio
from training.report.labelled_answers import Answers
from training.scores import calibration_bins


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """The largest scores of a method in 15 bins of equal width, all repeats together.

    Attributes
    ----------
    counts : ndarray of float64, shape (15,)
        Rows, mean over repeats.
    told, right : ndarray of float64, shape (15,)
        Mean score, and share of rows that are right; NaN where a bin holds none.
    error : float
        Expected calibration error, mean over repeats.
    interval : (float, float)
        95 % of it, groups drawn.
    """

    counts: NDArray[np.float64]
    told: NDArray[np.float64]
    right: NDArray[np.float64]
    error: float
    interval: tuple[float, float]

    def to_json(self) -> dict[str, object]:
        """Figures alone."""
        return {
            "counts": self.counts.tolist(),
            "told": self.told.tolist(),
            "right": self.right.tolist(),
            "error": self.error,
            "interval": list(self.interval),
        }


def reliability(answers: Answers) -> Reliability:
    """Sort a method's answers by their largest score."""
    counts, told, right = calibration_bins(answers.top.ravel(), answers.right.ravel())
    compared = answers.compared
    return Reliability(
        counts / answers.repeats,
        ratio(told, counts),
        ratio(right, counts),
        compared.mean.ece,
        compared.intervals["ece"],
    )
