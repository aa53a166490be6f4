"""Figures of a classifier, against what one counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.scores import calibration_error, confusion, group_interval, scores_of
from training.temperature import Temperatures, softmax, temperatures_of


def test_figures_are_what_one_counts() -> None:
    predicted = np.array(
        [[0.95, 0.05, 0, 0], [0.1, 0.2, 0.6, 0.1], [0.3, 0.3, 0.0, 0.4], [0.0, 0.0, 0.08, 0.92]]
    )
    label = np.array([0, 1, 3, 2])
    found = scores_of(predicted, label, np.array([True, True, False, False]))
    assert (found.all, found.confident, found.artefact) == (0.5, 0.5, 0.75)
    assert (found.sure, found.sure_kept) == (0.5, 0.5)
    counts = confusion(predicted, label)
    assert counts.sum() == 4
    assert counts[0, 0] == counts[1, 2] == counts[3, 3] == counts[2, 3] == 1


def test_scores_that_tell_the_truth_have_no_calibration_error() -> None:
    random = np.random.default_rng(1)
    top = random.uniform(0.25, 1, 200_000)
    right = random.random(top.size) < top
    assert calibration_error(top, right) < 0.01
    assert calibration_error(np.minimum(top + 0.2, 1), right) > 0.1


def test_groups_that_stand_and_fall_together_widen_an_interval() -> None:
    random = np.random.default_rng(2)
    fate = random.random(20) < 0.8
    group = np.repeat(np.arange(20), 50)
    low, high = group_interval(fate[group].astype(float), group.astype(str).tolist())
    alone = group_interval(fate[group].astype(float), [str(i) for i in range(1000)])
    assert low < fate.mean() < high
    assert high - low > 4 * (alone[1] - alone[0])


def test_a_net_that_is_too_sure_is_told_its_temperature() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(0, 1.5, (20_000, 4))
    shares = softmax(logits)
    label = (shares.cumsum(axis=1) > random.random((len(shares), 1))).argmax(axis=1)
    found = temperatures_of(3 * logits, shares, label)
    assert found.label == pytest.approx(3, rel=0.05)
    assert found.votes == pytest.approx(3, rel=0.05)
    scores = found.scores(3 * logits)
    assert scores.sum(axis=1) == pytest.approx(np.ones(len(scores)))
    assert calibration_error(scores.max(axis=1), scores.argmax(axis=1) == label) < 0.02


def test_without_a_labelled_row_nothing_is_changed() -> None:
    logits = np.array([[1.0, 0.0, 0.0, 0.0]])
    found = temperatures_of(logits, np.full((1, 4), 0.25), np.array([-1]))
    assert found.label == Temperatures().label == 1.0
    assert found.votes > 4
