"""Several small nets of one kind, trained at once, whose mean answers.

Each begins elsewhere and sees the crops in another order and in other copies; what they agree on is
worth more than the word of one (Lakshminarayanan, Pritzel and Blundell, NeurIPS 2017).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BATCH = 128
_RATE, _WARM_SHARE, _DECAY = 3e-3, 0.05, 0.02
_SMOOTHING = 0.03
_LAST_GAIN = 0.3

Layer = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Trained nets.

    Attributes
    ----------
    layers : tuple of (weights, biases)
        Shapes (members, inputs, outputs) and (members, 1, outputs); all but the last end in a ramp
        (ReLU).
    """

    layers: tuple[Layer, ...]

    def logits(self, shown: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mean over the members: inputs of shape (n, inputs), answers of shape (n, outputs)."""
        values = np.broadcast_to(shown, (len(self.layers[0][0]), *shown.shape))
        for weights, biases in self.layers[:-1]:
            values = np.maximum(values @ weights + biases, 0)
        weights, biases = self.layers[-1]
        return np.asarray((values @ weights + biases).mean(axis=0), np.float64)


@dataclass(frozen=True, slots=True)
class Plan:
    """How they are trained.

    Attributes
    ----------
    members : int
    widths : tuple of int
        Of the hidden layers.
    dropped : tuple of float
        Share of what each layer is told that it does without, in training.
    epochs : int
        Looks at every row.
    seed : int
    """

    members: int
    widths: tuple[int, ...]
    dropped: tuple[float, ...]
    epochs: int
    seed: int


def train_members(
    shown: NDArray[np.float32],
    targets: NDArray[np.float32],
    weights: NDArray[np.float32],
    plan: Plan,
    told: Callable[[int], None] | None = None,
) -> Members:
    """Train nets on shares of judges.

    Parameters
    ----------
    shown : ndarray of float32, shape (copies, n, inputs)
        Each look at a row is at one of its copies.
    targets : ndarray of float32, shape (n, classes)
    weights : ndarray of float32, shape (n,)
        How much a row counts.
    plan : Plan
    told : callable, optional
        Told the epochs done.

    Returns
    -------
    Members
        The same for the same seed on the same computer.
    """
    import keras
    import tensorflow as tf

    random = np.random.default_rng(plan.seed)
    copies, count, inputs = shown.shape
    layers = _begun((inputs, *plan.widths, targets.shape[1]), plan.members, random)
    dice = tf.random.Generator.from_seed(plan.seed)
    each = max(-(-count // _BATCH), 1)
    steps = each * plan.epochs
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=_RATE, warmup_steps=max(int(_WARM_SHARE * steps), 1)
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=_DECAY)
    variables = [one for layer in layers for one in layer]
    optimizer.exclude_from_weight_decay(var_list=[biases for _, biases in layers])
    optimizer.build(variables)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(values: Any, target: Any, weight: Any) -> None:
        with tf.GradientTape() as tape:
            found = _dropping(layers, values, plan.dropped, dice)
            losses = tf.nn.softmax_cross_entropy_with_logits(target, found)
            # The sum over members: none of them feels how many they are.
            loss = tf.reduce_sum(tf.reduce_mean(losses * weight, axis=1))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    smooth = targets * (1 - _SMOOTHING) + _SMOOTHING / targets.shape[1]
    for epoch in range(plan.epochs):
        orders = np.stack([random.permutation(count) for _ in range(plan.members)])
        for rows in np.array_split(orders, each, axis=1):
            drawn = random.integers(0, copies, rows.shape)
            step(shown[drawn, rows], smooth[rows], weights[rows])
        if told is not None:
            told(epoch + 1)
    return Members(tuple((w.numpy(), b.numpy()) for w, b in layers))


def _begun(
    sizes: Sequence[int], members: int, random: np.random.Generator
) -> list[tuple[Any, Any]]:
    import tensorflow as tf

    layers = []
    for place, (before, after) in enumerate(itertools.pairwise(sizes)):
        gain = np.sqrt(2 / before) * (_LAST_GAIN if place == len(sizes) - 2 else 1)
        weights = random.standard_normal((members, before, after), np.float32) * np.float32(gain)
        layers.append((tf.Variable(weights), tf.Variable(np.zeros((members, 1, after), "f4"))))
    return layers


def _dropping(
    layers: Sequence[tuple[Any, Any]], shown: Any, shares: Sequence[float], dice: Any
) -> Any:
    """Answers while some of what a layer is told is left out."""
    import tensorflow as tf

    values = shown
    for place, (weights, biases) in enumerate(layers):
        dropped = shares[place]
        kept = tf.cast(dice.uniform(tf.shape(values)) > dropped, tf.float32) / (1 - dropped)
        values = tf.matmul(values * kept, weights) + biases
        if place < len(layers) - 1:
            values = tf.nn.relu(values)
    return values
