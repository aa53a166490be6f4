"""Writes a trained net as the `.tflite` that the device runs, and proves that it is the same.

The way matters. A Keras `ExportArchive` with the signature ``classify_1``, and the converter on
that: from a concrete function, or from a `tf.Module` that holds a Keras net, comes without a word
a model whose weights are gone. So what was converted is run against the net before it is written.
"""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np

from edge.classification.contract import NUMBERS, SCORES, SIGNATURE, VOTES, answer
from edge.classification.hush import hushed
from edge.classification.numbers import NAMES, PLACE_KNOWN, numbers
from edge.classification.runtime import load
from edge.errors import Failed
from training.fit import Fitted
from training.labelled import LabelledCrops
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


def check(model: bytes, fitted: Fitted, crops: LabelledCrops) -> float:
    """Largest difference between a model's scores, as the device runs it, and the nets'.

    Raises
    ------
    Failed
        It is more than 0.005, or the file is larger than a rig should load.
    """
    runner = load(model).runner
    each = zip(crops.pixels, crops.each_place, strict=True)
    told = [list(answer(runner, {NUMBERS: numbers(*one)})[0].values()) for one in each]
    worst = float(np.abs(np.array(told) - fitted.predict(crops.pixels, crops.each_place)).max())
    if not worst <= _MOST_DIFFERENCE:
        raise Failed(f"the converted model's scores differ from the net's by {worst:.3g}")
    if len(model) > MOST_BYTES:
        raise Failed(f"the model has {len(model)} bytes, more than {MOST_BYTES}")
    return worst


def _archive(fitted: Fitted, folder: str) -> None:
    import keras
    import tensorflow as tf

    answerers = list(dict.fromkeys((fitted.pictures, fitted.own)))
    networks = [make_network(one) for one in answerers]

    def classify(features: Any) -> dict[str, Any]:
        logits = [network(features, training=False) for network in networks]
        each = [one.temperatures for one in answerers]
        known = features[:, PLACE_KNOWN:]

        def shares(scaled: list[Any]) -> Any:
            first, last = scaled[0], scaled[-1]
            return tf.nn.softmax(first if first is last else first + known * (last - first))

        return {
            SCORES: shares([one / by.label for one, by in zip(logits, each, strict=True)]),
            VOTES: shares([one / by.votes for one, by in zip(logits, each, strict=True)]),
        }

    archive = keras.export.ExportArchive()
    for network in networks:
        archive.track(network)
    features = tf.TensorSpec((None, len(NAMES)), name=NUMBERS)
    archive.add_endpoint(SIGNATURE, classify, input_signature=[features])
    archive.write_out(folder, verbose=False)
