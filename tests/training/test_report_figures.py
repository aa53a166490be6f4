"""Figures of a report, against what one counts, scikit-learn's, and the truth they are drawn from.

What nothing tells is no number, and never an error.
"""

from __future__ import annotations

import numpy as np
import pytest

from edge.classification.classes import CLASSES
from tests.training.made_up import answers, given_of, guessed, method, some
from training.bootstrap import GroupDraws, interval, mirrored_interval
from training.labelled import LabelledCrops
from training.report.calibration import reliability
from training.report.comparison import compare
from training.report.kept import kept_curve
from training.report.mistakes import told_votes, worst_mistakes
from training.report.per_class import agreement, area_under_roc, class_figures
from training.scores import drawn_scores, score_intervals, scores_of


def test_draws_are_sums_over_whole_groups() -> None:
    values = np.arange(12.0).reshape(6, 2)
    group = ["a", "b", "b", "c", "c", "c"]
    totals = GroupDraws(group, seed=3, draws=50).totals(values)
    sums = np.array([values[:1].sum(0), values[1:3].sum(0), values[3:].sum(0)])
    places = np.random.default_rng(3).integers(0, 3, (50, 3))
    assert totals == pytest.approx(sums[places].sum(axis=1))
    assert np.array_equal(totals, GroupDraws(group, seed=3, draws=50).totals(values))


def test_draws_do_not_depend_on_how_many_fit_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    group, values = [str(i) for i in range(7)], np.arange(7.0)[:, np.newaxis]
    whole = GroupDraws(group, draws=40).totals(values)
    monkeypatch.setattr("training.bootstrap._BLOCK", 20)
    assert np.array_equal(GroupDraws(group, draws=40).totals(values), whole)


def test_confusion_counts_every_labelled_row_once_a_repeat() -> None:
    given = some(unlabelled=10)
    found = method(given, repeats=3)
    labelled = given.crops.label >= 0
    assert found.confusion.sum() == 3 * labelled.sum() == 3 * 110
    each = np.bincount(given.crops.label[labelled], minlength=4)
    assert found.confusion.sum(axis=1).tolist() == (3 * each).tolist()


def test_every_interval_holds_its_figure() -> None:
    found = method(some(400, 40), skill=1.2)
    for key, (low, high) in found.intervals.items():
        assert low <= getattr(found.mean, key) <= high, key
        assert high > low


def test_class_figures_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    given = some(300)
    one = answers(given, guessed(given, 1.5, repeats=1))
    label, predicted = one.truth.label, one.predicted[0]
    rates = metrics.precision_recall_fscore_support(label, predicted.argmax(axis=1))
    found = class_figures(given.crops, one)
    for i, figures in enumerate(found):
        told = (figures.precision, figures.recall, figures.f1, figures.crops)
        assert told == pytest.approx([rate[i] for rate in rates])
        mine = label == i
        assert figures.auc == pytest.approx(metrics.roc_auc_score(mine, predicted[:, i]))
        assert figures.brier == pytest.approx(metrics.brier_score_loss(mine, predicted[:, i]))
        for key, (low, high) in figures.intervals.items():
            assert low < getattr(figures, key) < high
    assert found[1].confident <= found[1].crops
    assert found[1].groups == len({given.crops.group[i] for i in one.truth.rows[label == 1]})


def test_equal_scores_count_half_in_the_area_under_roc() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    random = np.random.default_rng(5)
    scores, positive = random.integers(0, 4, 200) / 4, random.random(200) < 0.3
    assert area_under_roc(scores, positive) == pytest.approx(
        metrics.roc_auc_score(positive, scores)
    )
    assert area_under_roc(np.full(200, 0.25), positive) == 0.5


def test_a_class_without_a_crop_and_one_that_is_never_called_are_no_error() -> None:
    given = given_of([0, 0, 1, 1, 3, 3], ["a", "b", "a", "b", "a", "b"])
    predicted = np.tile([0.7, 0.1, 0.1, 0.1], (1, 6, 1))
    one = answers(given, predicted)
    spot, track, worm, _ = class_figures(given.crops, one)
    assert (spot.precision, spot.recall, spot.auc) == (pytest.approx(1 / 3), 1.0, 0.5)
    assert (track.recall, track.f1, track.called) == (0.0, 0.0, 0.0)
    assert np.isnan(track.precision)
    assert np.isnan([worm.recall, worm.auc, worm.divergence, *worm.intervals["recall"]]).all()
    assert (worm.crops, worm.groups) == (0, 0)


def test_a_single_group_gives_figures_and_no_interval() -> None:
    given = given_of([0, 1, 2, 3] * 5, ["alone"] * 20)
    found = answers(given, guessed(given, 3.0))
    assert 0 < found.compared.mean.all <= 1
    assert np.isnan(list(found.compared.intervals.values())).all()
    assert np.isnan(reliability(found).interval).all()
    figures = compare([found]).figures["guess"]["all"]
    assert np.isnan([*figures.interval, *figures.difference_interval]).all()


def test_without_any_label_nothing_is_a_number() -> None:
    given = given_of([-1] * 6, list("aabbcc"))
    found = answers(given, guessed(given, 1.0))
    assert np.isnan(found.compared.mean.all)
    assert found.compared.confusion.sum() == 0
    assert not worst_mistakes(given.crops, found)
    assert not len(kept_curve(found).share)
    assert agreement(given.crops, found, class_figures(given.crops, found)).rows == 6


def test_where_all_answers_are_the_same_what_is_kept_makes_no_difference() -> None:
    given = given_of([0, 0, 0, 1], list("abcd"))
    found = answers(given, np.tile([0.55, 0.15, 0.15, 0.15], (2, 4, 1)))
    curve = kept_curve(found)
    assert curve.accuracy == pytest.approx(np.full(8, 0.75))
    assert curve.sure_share == 0
    assert np.isnan(curve.sure_accuracy)
    assert found.compared.mean.ece == pytest.approx(0.2)
    filled = reliability(found)
    assert filled.counts.tolist() == [0] * 8 + [4] + [0] * 6
    assert (filled.told[8], filled.right[8]) == (pytest.approx(0.55), 0.75)


def test_the_surest_answers_are_kept_first() -> None:
    given = given_of([0, 0, 0, 0], list("abcd"))
    predicted = np.array(
        [[[0.95, 0.05, 0, 0], [0.2, 0.8, 0, 0], [0.7, 0.3, 0, 0], [0.4, 0.6, 0, 0]]]
    )
    curve = kept_curve(answers(given, predicted))
    assert curve.share.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.accuracy == pytest.approx([1, 1 / 2, 2 / 3, 2 / 4])
    assert (curve.sure_share, curve.sure_accuracy) == (0.25, 1.0)
    points = curve.to_json(most=2)
    assert points["share"] == [0.25, 1.0]


def test_a_difference_is_drawn_in_pairs() -> None:
    """Groups are easy or hard for both methods alike: their difference is known far better."""
    random = np.random.default_rng(8)
    group = np.repeat(np.arange(30), 20)
    easy = np.repeat(random.random(30) < 0.6, 20)
    given = given_of([0] * 600, group.astype(str).tolist())
    worse = easy & (random.random(600) > 0.05)
    right, wrong = [0.8, 0.2, 0, 0], [0.3, 0.7, 0, 0]
    found = compare(
        [
            answers(given, np.where(hit[:, np.newaxis], right, wrong)[np.newaxis], name)
            for name, hit in (("worse", worse), ("better", easy))
        ]
    )
    assert found.best == "better"
    one = found.figures["worse"]["all"]
    low, high = one.difference_interval
    assert low < one.difference < high < 0
    assert one.difference == pytest.approx(worse.mean() - easy.mean())
    assert high - low < (one.interval[1] - one.interval[0]) / 5
    same = found.figures["better"]["all"]
    assert (same.difference, same.difference_interval) == (0, (0, 0))


def test_an_interval_of_the_calibration_error_covers_the_true_one() -> None:
    """Answers are 0.05 too sure in every bin; percentiles lie above that."""
    covered, by_percentiles, sets = 0, 0, 60
    label, confident = np.zeros(300, np.int64), np.ones(300, np.bool_)
    draws = GroupDraws([str(i) for i in range(300)], draws=500)
    for seed in range(sets):
        random = np.random.default_rng(seed)
        top = random.uniform(0.45, 0.95, 300)[:, np.newaxis]
        right = random.random((300, 1)) < top - 0.05
        scores = np.where(right, [1, 0, 0, 0], [0, 1, 0, 0]) * top
        scores[:, 2:] = (1 - top) / 2
        drawn = drawn_scores(scores[np.newaxis], label, confident, draws)
        found = scores_of(scores, label, confident)
        low, high = score_intervals(found, drawn)["ece"]
        covered += low <= 0.05 <= high
        low, high = interval(drawn["ece"])
        by_percentiles += low <= 0.05 <= high
    assert covered >= 0.85 * sets
    assert by_percentiles < 0.6 * sets


def test_an_interval_of_what_can_not_be_negative_starts_at_0() -> None:
    drawn = np.linspace(0.03, 0.09, 1000)
    low, high = mirrored_interval(0.02, drawn)
    assert (low, high) == (0.0, 0.02)
    assert np.isnan(mirrored_interval(0.1, np.full(5, np.nan))).all()
    assert np.isnan(interval(np.array([]))).all()


def test_scores_that_are_the_votes_agree_with_them() -> None:
    given = some(60)
    votes = given.crops.votes.astype(float)
    found = answers(given, votes[np.newaxis])
    agreed = agreement(given.crops, found, class_figures(given.crops, found))
    assert agreed.vote_error == pytest.approx(0, abs=1e-12)
    assert agreed.divergence == pytest.approx(0, abs=1e-6)
    assert agreed.rows == 60
    never = answers(given, np.tile([0.0, 0.0, 0.0, 1.0], (1, 60, 1)))
    assert 0 < agreement(given.crops, never, class_figures(given.crops, never)).divergence < 7


def test_votes_on_rows_without_a_label_count() -> None:
    given = given_of([0, -1], ["a", "b"])
    predicted = np.array([[[0.7, 0.1, 0.1, 0.1], [1.0, 0, 0, 0]]])
    found = answers(given, predicted)
    agreed = agreement(given.crops, found, class_figures(given.crops, found))
    assert agreed.vote_error == pytest.approx((0.75**2 + 3 * 0.25**2) / 8)


def test_mistakes_are_wrong_answers_the_surest_first() -> None:
    given = some(200)
    found = answers(given, guessed(given, 0.5))
    mistakes = worst_mistakes(given.crops, found, most=30)
    assert len(mistakes) == 30
    scores = [one.score for one in mistakes]
    assert scores == sorted(scores, reverse=True)
    crops: LabelledCrops = given.crops
    for one in mistakes:
        assert crops.label[one.row] == CLASSES.index(one.label) >= 0
        assert one.label != one.called
        assert (one.name, one.group) == (crops.name[one.row], crops.group[one.row])
    assert told_votes((0.1, 0.0, 0.9, 0.001)) == "s 10 w 90"
