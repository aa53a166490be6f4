"""What is learned from, and how much each crop counts."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.made_up import given_of
from training.trusted import DENIED, group_weights, trusted, worth


def test_a_group_counts_as_the_square_root_of_its_crops() -> None:
    weights = group_weights(["a"] * 100 + ["b"] * 4 + ["c"])
    sums = [weights[:100].sum(), weights[100:104].sum(), weights[104]]
    assert sums == pytest.approx([10 * sums[2], 2 * sums[2], sums[2]])
    assert weights.mean() == pytest.approx(1)


def test_no_source_drowns_another_by_having_many_small_groups() -> None:
    people = [f"0/{i // 50}" for i in range(400)]
    made = [f"1/{i}" for i in range(900)]
    weights = group_weights([*people, *made])
    assert weights[:400].mean() == pytest.approx(1)
    assert weights[400:].mean() == pytest.approx(1)


def test_labels_that_no_other_group_bears_out_are_left_out() -> None:
    given = given_of([0, 0, 3, 3, -1], list("abcde"))
    logits = np.zeros((5, 4))
    logits[1, 1] = 5  # called a spot, surely a track to all the others
    logits[2, 3] = 5
    logits[3, 0] = np.log(1 / DENIED - 3 - 1e-3)  # denied a little less than it takes
    assert trusted(given.crops, logits).tolist() == [0, 2, 3, 4]
    logits[3, 0] = np.log(1 / DENIED - 3 + 1e-3)
    assert trusted(given.crops, logits).tolist() == [0, 2, 4]


def test_answers_nearer_to_the_votes_are_worth_more() -> None:
    given = given_of([0, 1, 2, 3], list("abcd"))
    right = np.eye(4) * 0.9 + 0.025
    weights = np.ones(4, np.float32)
    assert worth(given.crops, right, weights) > worth(given.crops, right[::-1], weights)
    assert worth(given.crops, given.crops.votes, weights) >= worth(given.crops, right, weights)
