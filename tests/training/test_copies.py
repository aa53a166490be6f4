"""Copies are made alike by any number of processes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.classification.numbers import PLACE_KNOWN
from tests.training.made_up import given_of
from training import copies
from training.copies import copies_of


def test_copies_are_the_same_in_one_process_and_in_many(monkeypatch: pytest.MonkeyPatch) -> None:
    crops = given_of([0, 1, 2, 3], list("abcd")).crops
    done: list[tuple[int, int]] = []
    alone = copies_of(crops, 2, 5, lambda at, of: done.append((at, of)))
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]
    monkeypatch.setattr(copies, "_FEW", 0)
    monkeypatch.setattr(copies.os, "cpu_count", lambda: 2)
    many = copies_of(crops, 2, 5)
    assert alone.told.shape == (3, 4, many.dim_told.shape[1])
    assert (alone.told == many.told).all()
    assert (alone.dim_told == many.dim_told).all()
    assert (copies_of(crops, 2, 6).told[0] == alone.told[0]).all()
    assert not (copies_of(crops, 2, 6).told[1] == alone.told[1]).all()


def test_some_rows_of_copies_are_those_of_these_crops() -> None:
    given = given_of([0, 1, 2, 3], list("abcd"))
    made = copies_of(given.crops, 1, 0)
    chosen = np.array([2, 0])
    assert (made.take(chosen).told == made.told[:, [2, 0]]).all()
    assert (made.take(chosen).dim_told == made.dim_told[[2, 0]]).all()


def test_copies_of_a_rigs_own_hit_are_itself_and_their_dim_ones_are_not() -> None:
    crops = replace(given_of([0, 1, 2], list("abc")).crops, places=(None, (30, 30), None))
    made = copies_of(crops, 2, 0)
    same = (made.told == made.told[0]).all(axis=2)
    assert same.tolist() == [[True, True, True], [False, True, False], [False, True, False]]
    assert not (made.dim_told == made.told[0]).all(axis=1).any()
    assert made.told[:, :, PLACE_KNOWN].tolist() == [[0, 1, 0]] * 3
