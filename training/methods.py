"""What is compared: the rules of shape, trees on numbers, and the net."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.classification.numbers import NAMES
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
    """Extremely randomised trees on numbers, trained on the judges' votes.

    P. Geurts, D. Ernst and L. Wehenkel, Machine Learning 63, 3 (2006).

    Attributes
    ----------
    columns : tuple of int
        Of the numbers: all of them, or the field's shape features alone.
    name : str
    """

    columns: tuple[int, ...] = tuple(range(len(NAMES)))
    name: str = "trees"

    def scores(self, given: Given, train: Rows, test: Rows, seed: int) -> NDArray[Any]:
        """Train 400 trees; scores of the rows to test."""
        from sklearn.ensemble import ExtraTreesRegressor

        trees = ExtraTreesRegressor(
            _TREES, min_samples_leaf=_LEAF, max_features=_TRIED_SHARE, random_state=seed, n_jobs=-1
        )
        columns = list(self.columns)
        plain = given.copies.told[0][:, columns]
        if given.judged is not None:
            # Crops of other cameras harm them: what tells the ground tells the camera.
            train = train[train < given.judged]
        trees.fit(plain[train], given.crops.votes[train])
        return np.asarray(trees.predict(given.told_of(test)[:, columns]))


def shape_trees() -> Trees:
    """Trees on what the field measures of a hit: its region, Hu's and Zernike's moments."""
    moments = ("eighth_hu_", "zernike_")
    columns = [i for i, name in enumerate(NAMES) if name.startswith(moments) or name in _REGION]
    return Trees(tuple(columns), "shape trees")


_REGION = (
    "eighth_area_px", "eighth_convex_area_px", "eighth_solidity", "eighth_major_axis_px",
    "eighth_minor_axis_px", "eighth_ellipticity", "eighth_perimeter_px", "eighth_bbox_fill",
    "eighth_components", "eighth_length_px", "eighth_width_px", "mean_share", "brightest_share",
    "mean_of_peak",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Net:
    """The net that `train` makes, calibrated within the rows it is trained on."""

    rules: FitRules = field(default_factory=FitRules)
    name: str = "net"

    def scores(self, given: Given, train: Rows, test: Rows, seed: int) -> NDArray[Any]:
        """Train it; scores of the rows to test."""
        asked = bool(given.crops.is_own[test].any())
        rules = replace(self.rules, seed=seed, own=asked)
        fitted = fit(given.crops.take(train), rules, copies=given.copies.take(train))
        return fitted.scores(given.told_of(test))
