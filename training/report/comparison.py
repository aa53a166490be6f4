"""Methods beside one another, and how far each is from the best, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from training.bootstrap import interval
from training.report.labelled_answers import Answers

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a method.

    Attributes
    ----------
    value : float
        Mean over repeats.
    interval : (float, float)
        95 %, groups drawn.
    difference : float
        To the best method's.
    difference_interval : (float, float)
        95 %; both methods judged on the same groups in every draw.
    """

    value: float
    interval: Pair
    difference: float
    difference_interval: Pair


@dataclass(frozen=True, slots=True)
class Comparison:
    """All methods.

    Attributes
    ----------
    best : str
        Name of the method with the largest share of rows right; the first of equals.
    figures : dict of str to dict of str to Figure
        By method and by name of `training.scores.Scores`.
    """

    best: str
    figures: dict[str, dict[str, Figure]]

    def to_json(self) -> dict[str, Any]:
        """Figures alone."""
        return asdict(self)


def compare(answers: Sequence[Answers]) -> Comparison:
    """Put methods that judged the same rows beside one another."""
    means = {one.name: asdict(one.compared.mean) for one in answers}
    best = max(means, key=lambda name: _rank(means[name]["all"]))
    drawn = {one.name: one.drawn() for one in answers}
    figures = {
        one.name: {
            key: Figure(
                value,
                one.compared.intervals[key],
                value - means[best][key],
                interval(drawn[one.name][key] - drawn[best][key]),
            )
            for key, value in means[one.name].items()
        }
        for one in answers
    }
    return Comparison(best, figures)


def _rank(value: float) -> float:
    return -1.0 if math.isnan(value) else value
