"""Crops parted without labels: what is there is found, and what is no kind of hit is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.made_up import given_of
from training.crossval import Given
from training.report.vectors import MOST_DIMENSIONS, vectors_of


def with_numbers(given: Given, numbers: np.ndarray) -> Given:
    return replace(given, copies=replace(given.copies, told=numbers[np.newaxis]))


def test_numbers_of_any_size_come_to_one_scale() -> None:
    random = np.random.default_rng(0)
    numbers = random.normal(0, 1, (500, 3)) * [1e-3, 1, 1e6] + [5, 0, 1e7]
    found = vectors_of(numbers)
    assert found.values.shape == (500, 3)
    assert found.explained == pytest.approx(1)
    assert found.values.std(axis=0) == pytest.approx(np.ones(3), abs=0.15)


def test_what_is_the_same_for_all_and_what_stands_apart_alone_make_no_axis() -> None:
    random = np.random.default_rng(1)
    numbers = random.normal(0, 1, (400, 4))
    numbers[:, 1] = 7
    numbers[0, 0] = 1e9
    numbers[:, 3] = numbers[:, 2]
    found = vectors_of(numbers)
    assert found.values.shape == (400, 2)
    assert np.abs(found.values).max() < 10


def test_few_dimensions_are_kept() -> None:
    found = vectors_of(np.random.default_rng(2).normal(0, 1, (300, 60)))
    assert found.values.shape == (300, MOST_DIMENSIONS)
    assert 0 < found.explained < 0.95
    assert vectors_of(np.ones((9, 5))).values.shape == (9, 0)


def test_parts_that_are_there_are_found_with_their_groups() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from training.report.clusters import clustering

    label = np.repeat([0, 1, 2, 3], 40)
    group = [f"g{i % 6}" if kind else "one device" for i, kind in enumerate(label)]
    given = given_of(label.tolist(), group)
    numbers = np.random.default_rng(3).normal(0, 1, (160, 3)).astype(np.float32)
    numbers += 12 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])[label]
    found = clustering(with_numbers(given, numbers))
    assert found is not None
    assert [one.k for one in found.steps] == list(range(2, 13))
    assert found.chosen == 4
    step = found.steps[2]
    assert (step.means_rand, step.mixture_rand) == (pytest.approx(1), pytest.approx(1))
    assert step.means_information == pytest.approx(1)
    assert max(found.steps, key=lambda one: one.silhouette) is step
    inertias = [one.inertia for one in found.steps]
    assert inertias == sorted(inertias, reverse=True)
    assert sum(one.crops for one in found.clusters) == 160
    alone = next(one for one in found.clusters if "spot" in one.classes)
    assert (alone.crops, alone.groups, alone.largest_group) == (40, 1, 1.0)
    for one in found.clusters:
        assert len(one.classes) == 1
        middle = numbers[one.nearest].mean(axis=0)
        assert np.linalg.norm(numbers[one.nearest[0]] - middle) < 2
    told = found.to_json(given.crops.name)
    assert told["clusters"][0]["nearest"][0] in given.crops.name


def test_crops_without_a_label_are_parted_too() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from training.report.clusters import clustering

    given = given_of([-1] * 20, [str(i) for i in range(20)])
    found = clustering(given)
    assert found is not None
    assert np.isnan([found.steps[0].means_rand, found.steps[0].mixture_information]).all()
    assert sum(one.classes["none"] for one in found.clusters) == 20


def test_too_few_or_too_alike_is_no_clustering() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from training.report.clusters import clustering

    assert clustering(given_of([0, 1], ["a", "b"])) is None
    alike = with_numbers(given_of([0] * 9, list("abcabcabc")), np.ones((9, 30), np.float32))
    assert clustering(alike) is None
    pair = np.repeat(np.eye(30, dtype=np.float32)[:3], 10, axis=0)
    found = clustering(with_numbers(given_of([0, 1, 2] * 10, list("abc") * 10), pair))
    assert found is not None
    assert [one.k for one in found.steps] == [2]
