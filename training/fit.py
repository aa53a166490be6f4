"""Trains the net on labelled crops: judges' votes as targets, new crops in every epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.classification.prepare import prepare
from training.augment import augmented, dimmed
from training.calibration import Temperatures, temperatures_of
from training.folds import held_out
from training.labelled import LabelledCrops
from training.network import make_network
from training.scores import ARTEFACT

Progress = Callable[[int, int], None]

_BATCH = 32
_RATE, _WARM_SHARE, _DECAY = 3e-3, 0.05, 0.02
_SMOOTHING = 0.03
_DIM_SHARE = 0.1
_CALIBRATION_SHARE = 0.2
_VIEWS = 4


@dataclass(frozen=True, slots=True)
class FitRules:
    """How a net is trained.

    Attributes
    ----------
    epochs : int
    seed : int
        The same crops and seed give the same net on the same computer.
    """

    epochs: int = 60
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A trained net and what makes its answers probabilities."""

    network: Any
    temperatures: Temperatures

    def predict(self, pixels: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Calibrated scores, shape (n, 4), as the exported model gives them."""
        return self.temperatures.scores(logits_of(self.network, pixels))


def fit(crops: LabelledCrops, rules: FitRules, progress: Progress | None = None) -> Fitted:
    """Train a net, and calibrate it on groups that another net of the same kind never saw.

    The first net is trained without a fifth of the groups, and its temperatures are fitted to
    them; the second, which is handed out, is trained on all.
    """
    told = progress or (lambda done, total: None)
    total = 2 * rules.epochs
    train, test = held_out(crops, _CALIBRATION_SHARE, rules.seed)
    first = _trained(crops.take(train), rules, lambda done: told(done, total))
    rest = crops.take(test)
    temperatures = temperatures_of(logits_of(first, rest.pixels), rest.votes, rest.label)
    network = _trained(crops, rules, lambda done: told(rules.epochs + done, total))
    return Fitted(network, temperatures)


def logits_of(network: Any, pixels: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Mean of the net's answers to a crop and its three mirror images, shape (n, 4)."""
    shown = np.stack([prepare(one) for one in pixels])
    total = np.zeros((len(shown), len(CLASSES)))
    for view in (shown, shown[:, ::-1], shown[:, :, ::-1], shown[:, ::-1, ::-1]):
        total += network.predict(np.ascontiguousarray(view), batch_size=256, verbose=0)
    return total / _VIEWS


def _trained(crops: LabelledCrops, rules: FitRules, told: Callable[[int], None]) -> Any:
    import keras

    keras.utils.set_random_seed(rules.seed)
    random = np.random.default_rng(rules.seed)
    network = make_network()
    signals = np.flatnonzero(crops.votes[:, ARTEFACT] < 0.5)
    dim = int(_DIM_SHARE * len(crops)) if len(signals) else 0
    steps = math.ceil((len(crops) + dim) / _BATCH) * rules.epochs
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=_RATE, warmup_steps=int(_WARM_SHARE * steps)
    )
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=_DECAY),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=_SMOOTHING),
    )
    for epoch in range(rules.epochs):
        shown, votes = _epoch(crops, signals, dim, random)
        network.fit(shown, votes, batch_size=_BATCH, verbose=0, shuffle=False)
        told(epoch + 1)
    return network


def _epoch(
    crops: LabelledCrops, signals: NDArray[np.int64], dim: int, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Every crop once, augmented, and some dim ones, in a new order."""
    shown = [prepare(augmented(one, random)) for one in crops.pixels]
    chosen = random.choice(signals, dim) if dim else []
    shown += [prepare(dimmed(crops.pixels[i], random)) for i in chosen]
    artefact = np.eye(len(CLASSES), dtype=np.float32)[ARTEFACT]
    votes = np.concatenate([crops.votes, np.tile(artefact, (dim, 1))])
    order = random.permutation(len(shown))
    return np.stack(shown)[order], votes[order]
