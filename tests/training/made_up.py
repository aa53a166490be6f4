"""Crops drawn, and answers made up: what reports are tried on without any training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from training.copies import Copies
from training.crossval import Compared, Given, compared
from training.labelled import LabelledCrops
from training.report.labelled_answers import Answers, Truth
from training.temperature import softmax


def drawn(kind: str, random: np.random.Generator) -> np.ndarray:
    pixels = random.normal(10, 1, (60, 60))
    if kind == "spot":
        pixels[29:32, 29:32] += random.uniform(60, 150)
    if kind in ("track", "worm"):
        for step in range(16):
            bend = 4 * np.sin(step / 2) if kind == "worm" else step / 2
            pixels[int(30 + bend), 22 + step] += random.uniform(60, 150)
    if kind == "artefact":
        pixels[10:50, 20:45] += random.uniform(60, 150)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def given_of(label: Sequence[int], group: Sequence[str], seed: int = 0) -> Given:
    """Crops of these classes (-1: judges did not agree), and numbers that tell classes apart."""
    random = np.random.default_rng(seed)
    kinds = np.asarray(label, np.int64)
    count = len(kinds)
    votes = np.full((count, 4), 0.25, np.float32)
    known = kinds >= 0
    votes[known] = np.eye(4)[kinds[known]] * 0.6 + 0.1
    crops = LabelledCrops(
        tuple(drawn(CLASSES[max(kind, 0)], random) for kind in kinds),
        votes,
        kinds,
        known & (random.random(count) < 0.7),
        tuple(group),
        tuple(f"crop{i}" for i in range(count)),
    )
    told = random.normal(0, 1, (count, 30)) + 8 * np.eye(30)[np.maximum(kinds, 0)]
    numbers = told[np.newaxis].astype(np.float32)
    return Given(crops, Copies(numbers, numbers[0]))


def some(count: int = 120, groups: int = 15, unlabelled: int = 8, seed: int = 0) -> Given:
    """A little of everything."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 4, count)
    label[:unlabelled] = -1
    return given_of(label.tolist(), [f"g{i}" for i in random.integers(0, groups, count)], seed)


def guessed(given: Given, skill: float, repeats: int = 2, seed: int = 1) -> NDArray[np.float64]:
    """Answers of a method that knows the classes the better, the larger its skill."""
    random = np.random.default_rng(seed)
    truth = np.eye(4)[np.maximum(given.crops.label, 0)]
    logits = random.normal(0, 1, (repeats, len(truth), 4)) + skill * truth
    return np.stack([softmax(one) for one in logits])


def method(given: Given, skill: float = 2.0, name: str = "guess", **more: int) -> Compared:
    return compared(given.crops, name, guessed(given, skill, **more))


def answers(given: Given, predicted: NDArray[np.float64], name: str = "guess") -> Answers:
    return Answers.of(compared(given.crops, name, predicted), Truth.of(given))
