"""Trains the net on labelled crops: judges' votes as targets, augmented copies in turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.classification.numbers import numbers
from edge.classification.prepare import prepare
from training.copies import Copies, copies_of
from training.folds import held_out
from training.labelled import LabelledCrops
from training.network import make_network, used_numbers
from training.scores import ARTEFACT
from training.temperature import Temperatures, temperatures_of

Progress = Callable[[int, int], None]

_BATCH = 32
_RATE, _WARM_SHARE, _DECAY = 3e-3, 0.05, 0.02
_SMOOTHING = 0.03
_LOSS_WEIGHTS = (0.5, 0.5, 1.0)
_DIM_SHARE = 0.125
_CALIBRATION_SHARE = 0.2
_LOW, _HIGH, _SIGMAS = 0.02, 0.98, 4.0


@dataclass(frozen=True, slots=True)
class FitRules:
    """How a net is trained.

    Attributes
    ----------
    epochs : int
    copies : int
        Augmented copies of each crop; an epoch shows one of them.
    seed : int
        The same crops and seed give the same net on the same computer.
    """

    epochs: int = 60
    copies: int = 15
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A trained net and what makes its answers probabilities."""

    network: Any
    temperatures: Temperatures

    def predict(self, pixels: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Calibrated scores, shape (n, 4), as the exported model gives them."""
        shown = np.stack([prepare(one) for one in pixels])
        return self.scores(shown, np.stack([numbers(one) for one in pixels]))

    def scores(self, shown: NDArray[np.float32], told: NDArray[np.float32]) -> NDArray[np.float64]:
        """The same of crops that are prepared and measured already."""
        return self.temperatures.scores(logits_of(self.network, shown, told))


def fit(
    crops: LabelledCrops,
    rules: FitRules,
    progress: Progress | None = None,
    *,
    copies: Copies | None = None,
) -> Fitted:
    """Train a net, and calibrate it on groups that another net of the same kind never saw.

    The first net is trained without a fifth of the groups, and its temperatures are fitted to
    them; the second, which is handed out, is trained on all.

    Parameters
    ----------
    crops : LabelledCrops
    rules : FitRules
    progress : callable, optional
        Told (steps done, steps in all): copies, then epochs of both nets.
    copies : Copies, optional
        Of these crops; None: made here.
    """
    say = progress or (lambda done, total: None)
    making = rules.copies + 2 if copies is None else 0
    total = making + 2 * rules.epochs
    if copies is None:
        copies = copies_of(crops, rules.copies, rules.seed, lambda done, of: say(done, total))
    train, test = held_out(crops, _CALIBRATION_SHARE, rules.seed)
    first = _trained(
        copies.take(train), crops.votes[train], rules, lambda done: say(making + done, total)
    )
    logits = logits_of(first, copies.shown[0, test].astype(np.float32), copies.told[0, test])
    temperatures = temperatures_of(logits, crops.votes[test], crops.label[test])
    before = making + rules.epochs
    network = _trained(copies, crops.votes, rules, lambda done: say(before + done, total))
    return Fitted(network, temperatures)


def logits_of(
    network: Any, shown: NDArray[np.float32], told: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Mean of the answers by numbers and by both, to a crop and its mirror images: (n, 4)."""
    total = np.zeros((len(shown), len(CLASSES)))
    for view in mirrored(shown):
        _, known, both = network.predict(
            [np.ascontiguousarray(view), told], batch_size=256, verbose=0
        )
        total += (known + both) / 2
    return total / 4


def mirrored(shown: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Crops and their three mirror images."""
    return shown, shown[:, ::-1], shown[:, :, ::-1], shown[:, ::-1, ::-1]


def _trained(
    copies: Copies, votes: NDArray[np.float32], rules: FitRules, told: Callable[[int], None]
) -> Any:
    import keras

    keras.utils.set_random_seed(rules.seed)
    random = np.random.default_rng(rules.seed)
    network = make_network(*_scale(copies.told))
    signals = np.flatnonzero(votes[:, ARTEFACT] < 0.5)
    dim = int(_DIM_SHARE * len(votes)) if len(signals) else 0
    steps = math.ceil((len(votes) + dim) / _BATCH) * rules.epochs
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=_RATE, warmup_steps=int(_WARM_SHARE * steps)
    )
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=_SMOOTHING)
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=_DECAY),
        loss=[loss] * len(_LOSS_WEIGHTS),
        loss_weights=list(_LOSS_WEIGHTS),
    )
    for epoch in range(rules.epochs):
        shown, known, target = _epoch(copies, votes, signals, dim, epoch, random)
        network.fit(
            [shown, known], [target] * len(_LOSS_WEIGHTS),
            batch_size=_BATCH, verbose=0, shuffle=False,
        )  # fmt: skip
        told(epoch + 1)
    return network


def _scale(told: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Middle and spread of the numbers that are used, by quantiles: some have long tails."""
    flat = told.reshape(-1, told.shape[-1])[:, list(used_numbers())]
    low, middle, high = np.quantile(flat, [_LOW, 0.5, _HIGH], axis=0)
    scale = np.maximum((high - low) / _SIGMAS, 1e-6)
    return middle.astype(np.float32), scale.astype(np.float32)


def _epoch(  # noqa: PLR0917
    copies: Copies,
    votes: NDArray[np.float32],
    signals: NDArray[np.int64],
    dim: int,
    epoch: int,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """One copy of every crop, turned by a right angle, and some dim ones, in a new order."""
    which = epoch % len(copies.shown)
    chosen = random.choice(signals, dim) if dim else signals[:0]
    shown = np.concatenate([copies.shown[which], copies.dim_shown[chosen]]).astype(np.float32)
    shown = np.rot90(shown, int(random.integers(4)), (1, 2))
    shown = shown[:, :, ::-1] if random.random() < 0.5 else shown
    known = np.concatenate([copies.told[which], copies.dim_told[chosen]])
    artefact = np.eye(len(CLASSES), dtype=np.float32)[ARTEFACT]
    target = np.concatenate([votes, np.tile(artefact, (dim, 1))])
    order = random.permutation(len(target))
    return np.ascontiguousarray(shown[order]), known[order], target[order]
