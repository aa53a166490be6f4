"""Writes a trained net as the `.tflite` that the device runs, and proves that it is the same.

The way matters. A Keras `ExportArchive` with the signature ``classify_1``, and the converter on
that: from a concrete function, or from a `tf.Module` that holds a Keras net, comes without a word
a model whose weights are gone. So what was converted is run against the net before it is written.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.contract import NUMBERS, SCORES, SIGNATURE, VOTES, answer
from edge.classification.hush import hushed
from edge.classification.numbers import NAMES, numbers
from edge.classification.runtime import load
from edge.errors import Failed
from training.fit import Fitted
from training.network import make_network

MOST_BYTES = 400_000
_CHATTER = (b"",)
"""Of the converter: all that it says."""

_MOST_DIFFERENCE = 0.005


def to_tflite(fitted: Fitted) -> bytes:
    """Convert to float16 weights."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder, hushed(_CHATTER):
        _archive(fitted, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, [SIGNATURE])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())


def check(model: bytes, fitted: Fitted, pixels: Sequence[NDArray[Any]]) -> float:
    """Largest difference between a model's scores, as the device runs it, and the net's.

    Raises
    ------
    Failed
        It is more than 0.005, or the file is larger than a rig should load.
    """
    runner = load(model).runner
    told = [list(answer(runner, {NUMBERS: numbers(one)})[0].values()) for one in pixels]
    worst = float(np.abs(np.array(told) - fitted.predict(pixels)).max())
    if not worst <= _MOST_DIFFERENCE:
        raise Failed(f"the converted model's scores differ from the net's by {worst:.3g}")
    if len(model) > MOST_BYTES:
        raise Failed(f"the model has {len(model)} bytes, more than {MOST_BYTES}")
    return worst


def _archive(fitted: Fitted, folder: str) -> None:
    import keras
    import tensorflow as tf

    network = make_network(fitted.encoding, fitted.members)
    temperatures = fitted.temperatures

    def classify(features: Any) -> dict[str, Any]:
        logits = network(features, training=False)
        return {
            SCORES: tf.nn.softmax(logits / temperatures.label),
            VOTES: tf.nn.softmax(logits / temperatures.votes),
        }

    archive = keras.export.ExportArchive()
    archive.track(network)
    features = tf.TensorSpec((None, len(NAMES)), name=NUMBERS)
    archive.add_endpoint(SIGNATURE, classify, input_signature=[features])
    archive.write_out(folder, verbose=False)
