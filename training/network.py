"""The trained nets as Keras nets, as the converter takes them: numbers in, logits out.

Small enough for a Raspberry Pi: no more than 400 kB in half precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edge.classification.numbers import NAMES
from training.encoding import MIDDLE, STEPS
from training.fit import Answerer
from training.lesson import Committee


def make_network(answerer: Answerer) -> Any:
    """Build the net of trained parts.

    Its operations are few and of fixed rank: each runtime has them, and takes a batch of any size.
    """
    import keras

    told = keras.Input((len(NAMES),), name="features")
    each = enumerate(zip(answerer.shares, answerer.committees, strict=True))
    parts = [share * _committee(told, one, f"c{number}") for number, (share, one) in each]
    answer = keras.layers.Add()(parts) if len(parts) > 1 else parts[0]
    return keras.Model(told, answer)


def _committee(told: Any, committee: Committee, name: str) -> Any:
    import keras

    layers, encoding = keras.layers, committee.encoding
    first, last = encoding.columns
    repeated = layers.Concatenate()([told[:, first:last]] * STEPS)
    steps = layers.ReLU(max_value=1.0)((repeated - encoding.low) * encoding.scale) - MIDDLE
    count = len(committee.members.layers[0][0])
    answers = [_member(steps, committee, which, name) for which in range(count)]
    return layers.Average()(answers) if count > 1 else answers[0]


def _member(steps: Any, committee: Committee, which: int, name: str) -> Any:
    import keras

    values, trained = steps, committee.members.layers
    for place, (weights, biases) in enumerate(trained):
        dense = keras.layers.Dense(
            weights.shape[2],
            activation=None if place == len(trained) - 1 else "relu",
            name=f"{name}m{which}_{place}",
        )
        values = dense(values)
        dense.set_weights([np.asarray(weights[which]), np.asarray(biases[which, 0])])
    return values
