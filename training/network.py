"""The trained nets as one Keras net, as the converter takes it: numbers in, logits out.

Small enough for a Raspberry Pi: no more than 400 kB in half precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edge.classification.numbers import NAMES
from training.encoding import FIRST_USED, MIDDLE, STEPS, Encoding
from training.members import Members


def make_network(encoding: Encoding, members: Members) -> Any:
    """Build the net of trained parts.

    Its operations are few and of fixed rank: each runtime has them, and takes a batch of any size.
    """
    import keras

    layers = keras.layers
    told = keras.Input((len(NAMES),), name="features")
    used = told[:, FIRST_USED:]
    repeated = layers.Concatenate()([used] * STEPS)
    steps = layers.ReLU(max_value=1.0)((repeated - encoding.low) * encoding.scale) - MIDDLE
    answers = [_member(steps, members, which) for which in range(len(members.layers[0][0]))]
    answer = layers.Average()(answers) if len(answers) > 1 else answers[0]
    return keras.Model(told, answer, name="hits")


def _member(steps: Any, members: Members, which: int) -> Any:
    import keras

    values = steps
    last = len(members.layers) - 1
    for place, (weights, biases) in enumerate(members.layers):
        dense = keras.layers.Dense(
            weights.shape[2], activation=None if place == last else "relu", name=f"m{which}_{place}"
        )
        values = dense(values)
        dense.set_weights([np.asarray(weights[which]), np.asarray(biases[which, 0])])
    return values
