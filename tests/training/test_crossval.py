"""Folds: every group is tested once by what never saw it; what stands beside is never tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.made_up import some
from training.crossval import Given, Rows, cross_validate


class Noting:
    """Answers with the share of its training rows, and notes what it was given."""

    name = "noting"

    def __init__(self) -> None:
        self.seen: list[tuple[Rows, Rows]] = []

    def scores(self, given: Given, train: Rows, test: Rows, seed: int) -> np.ndarray:
        self.seen.append((train, test))
        return np.full((len(test), 4), 0.25)


def test_each_row_is_judged_once_a_repeat_and_what_stands_beside_never() -> None:
    pytest.importorskip("sklearn", reason="the extra train is not installed")
    given = replace(some(), judged=80)
    method = Noting()
    (found,) = cross_validate(given, [method], folds=4, repeats=2)
    assert found.predicted.shape == (2, 80, 4)
    assert np.isfinite(found.predicted).all()
    for repeat in (method.seen[:4], method.seen[4:]):
        assert sorted(i for _, test in repeat for i in test) == list(range(80))
        for train, test in repeat:
            groups = np.array(given.crops.group)
            assert not set(groups[train[train < 80]]) & set(groups[test])
            assert set(range(80, 120)) <= set(train.tolist())
    assert len(given.to_judge.crops) == 80
    assert given.to_judge.copies.told.shape[1] == 80
