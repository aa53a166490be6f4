"""What is compared: the rules of shape, trees on features, the net, and net and trees together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.classification.numbers import numbers
from edge.classification.rules import RuleClassifier
from edge.classification.spotted import spotted
from edge.describe import describe
from training.fit import FitRules, Progress, fit
from training.labelled import LabelledCrops

Apply = Callable[[Sequence[Any]], NDArray[Any]]

_TREES, _LEAF, _TRIED_SHARE = 400, 2, 0.3


@dataclass(frozen=True, slots=True)
class Rules:
    """The pre-sort by shape, which learns nothing."""

    name: str = "rules"

    def learn(self, crops: LabelledCrops, seed: int) -> Apply:
        """Nothing is learned."""
        del crops, seed

        def apply(pixels: Sequence[Any]) -> NDArray[Any]:
            rows = []
            for one in pixels:
                candidate = spotted(one)
                if candidate is None:
                    rows.append([1 / len(CLASSES)] * len(CLASSES))
                    continue
                (answer,) = RuleClassifier().classify([(candidate, describe(candidate))])
                rows.append([answer.scores[name] for name in CLASSES])
            return np.array(rows)

        return apply


@dataclass(frozen=True, slots=True)
class Trees:
    """Extremely randomised trees on features, trained on the judges' votes.

    P. Geurts, D. Ernst and L. Wehenkel, Machine Learning 63, 3 (2006).
    """

    name: str = "trees"

    def learn(self, crops: LabelledCrops, seed: int) -> Apply:
        """Train 400 trees."""
        from sklearn.ensemble import ExtraTreesRegressor

        trees = ExtraTreesRegressor(
            _TREES, min_samples_leaf=_LEAF, max_features=_TRIED_SHARE, random_state=seed, n_jobs=-1
        )
        trees.fit(_table(crops.pixels), crops.votes)
        return lambda pixels: np.asarray(trees.predict(_table(pixels)))


@dataclass(frozen=True, slots=True)
class Net:
    """The net that is shipped."""

    rules: FitRules = field(default_factory=FitRules)
    progress: Progress | None = None
    name: str = "net"

    def learn(self, crops: LabelledCrops, seed: int) -> Apply:
        """Train and calibrate it within these crops."""
        fitted = fit(crops, replace(self.rules, seed=seed), self.progress)
        return fitted.predict


@dataclass(frozen=True, slots=True)
class Together:
    """The mean of two methods' scores."""

    first: Any
    second: Any
    weight: float = 0.5
    name: str = "net + trees"

    def learn(self, crops: LabelledCrops, seed: int) -> Apply:
        """Train both."""
        one, other = self.first.learn(crops, seed), self.second.learn(crops, seed)
        weight = self.weight
        return lambda pixels: weight * one(pixels) + (1 - weight) * other(pixels)


def _table(pixels: Sequence[Any]) -> NDArray[np.float32]:
    return np.stack([numbers(one) for one in pixels])
