"""What is compared: the rules of shape, trees on numbers, and the net."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.classification.rules import RuleClassifier
from edge.classification.spotted import spotted
from edge.describe import describe
from edge.frame import Pixels
from training.crossval import Given, Rows
from training.fit import FitRules, fit

_TREES, _LEAF, _TRIED_SHARE = 400, 2, 0.3


@dataclass(frozen=True, slots=True)
class Rules:
    """The pre-sort by shape, which learns nothing."""

    name: str = "rules"

    def scores(self, given: Given, train: Rows, test: Rows, seed: int) -> NDArray[Any]:
        """Scores of the rows to test."""
        del train, seed
        return np.array([_by_rules(given.crops.pixels[i]) for i in test])


def _by_rules(pixels: Pixels) -> list[float]:
    candidate = spotted(pixels)
    if candidate is None:
        return [1 / len(CLASSES)] * len(CLASSES)
    (answer,) = RuleClassifier().classify([(candidate, describe(candidate))])
    return [answer.scores[name] for name in CLASSES]


@dataclass(frozen=True, slots=True)
class Trees:
    """Extremely randomised trees on the net's numbers, trained on the judges' votes.

    P. Geurts, D. Ernst and L. Wehenkel, Machine Learning 63, 3 (2006).
    """

    name: str = "trees"

    def scores(self, given: Given, train: Rows, test: Rows, seed: int) -> NDArray[Any]:
        """Train 400 trees; scores of the rows to test."""
        from sklearn.ensemble import ExtraTreesRegressor

        trees = ExtraTreesRegressor(
            _TREES, min_samples_leaf=_LEAF, max_features=_TRIED_SHARE, random_state=seed, n_jobs=-1
        )
        plain = given.copies.told[0]
        trees.fit(plain[train], given.crops.votes[train])
        return np.asarray(trees.predict(plain[test]))


@dataclass(frozen=True, slots=True)
class Net:
    """The net that `train` makes, calibrated within the rows it is trained on."""

    rules: FitRules = field(default_factory=FitRules)
    name: str = "net"

    def scores(self, given: Given, train: Rows, test: Rows, seed: int) -> NDArray[Any]:
        """Train it; scores of the rows to test."""
        rules = replace(self.rules, seed=seed)
        fitted = fit(given.crops.take(train), rules, copies=given.copies.take(train))
        plain = given.copies.take(test)
        return fitted.scores(plain.shown[0].astype(np.float32), plain.told[0])
