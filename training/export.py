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

from edge.classification.contract import INPUT, NUMBERS, SCORES, SIGNATURE, VOTES, answer
from edge.classification.hush import hushed
from edge.classification.numbers import NAMES, numbers
from edge.classification.prepare import CHANNELS, SIZE_PX, prepare
from edge.classification.runtime import load
from edge.errors import Failed
from training.fit import Fitted

MOST_BYTES = 400_000
_CHATTER = (b"",)
"""Of the converter: all that it says."""

_MOST_DIFFERENCE = 0.005


def to_tflite(fitted: Fitted) -> bytes:
    """Convert to float16 weights; answers are means over the crop's mirror images."""
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
    told = [
        list(answer(runner, {INPUT: prepare(one), NUMBERS: numbers(one)})[0].values())
        for one in pixels
    ]
    worst = float(np.abs(np.array(told) - fitted.predict(pixels)).max())
    if not worst <= _MOST_DIFFERENCE:
        raise Failed(f"the converted model's scores differ from the net's by {worst:.3g}")
    if len(model) > MOST_BYTES:
        raise Failed(f"the model has {len(model)} bytes, more than {MOST_BYTES}")
    return worst


def _archive(fitted: Fitted, folder: str) -> None:
    import keras
    import tensorflow as tf

    network, temperatures = fitted.network, fitted.temperatures

    def classify(crop: Any, features: Any) -> dict[str, Any]:
        across, down = tf.reverse(crop, [2]), tf.reverse(crop, [1])
        views = crop, across, down, tf.reverse(down, [2])
        answers = [network([one, features], training=False)[1:] for one in views]
        logits = tf.add_n([one for pair in answers for one in pair]) / (2 * len(views))
        return {
            SCORES: tf.nn.softmax(logits / temperatures.label),
            VOTES: tf.nn.softmax(logits / temperatures.votes),
        }

    archive = keras.export.ExportArchive()
    archive.track(network)
    crop = tf.TensorSpec((None, SIZE_PX, SIZE_PX, CHANNELS), name=INPUT)
    features = tf.TensorSpec((None, len(NAMES)), name=NUMBERS)
    archive.add_endpoint(SIGNATURE, classify, input_signature=[crop, features])
    archive.write_out(folder, verbose=False)
