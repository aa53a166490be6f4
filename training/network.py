"""The net: a few convolutions, means and largest values over the crop, two answers.

Small enough for a Raspberry Pi: no more than 400 kB in half precision, and pooling instead of a
flattened picture, which the runtimes take without a dynamic shape.
"""

from __future__ import annotations

from typing import Any

from edge.classification.classes import CLASSES
from edge.classification.prepare import CHANNELS, SIZE_PX

WIDTH = 24


def make_network(width: int = WIDTH) -> Any:
    """Build the net: prepared crops in, logits out, shape (n, 4)."""
    import keras

    layers = keras.layers
    crop = keras.Input((SIZE_PX, SIZE_PX, CHANNELS), name="crop")
    shown = crop
    for filters, stride in (
        (width // 2, 1), (width, 2), (width, 1), (2 * width, 2), (2 * width, 1),
        (3 * width, 2), (3 * width, 1),
    ):  # fmt: skip
        shown = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(shown)
        shown = layers.BatchNormalization(momentum=0.95)(shown)
        shown = layers.ReLU()(shown)
    means, largest = layers.GlobalAveragePooling2D()(shown), layers.GlobalMaxPooling2D()(shown)
    both = layers.Dropout(0.4)(layers.Concatenate()([means, largest]))
    return keras.Model(crop, layers.Dense(len(CLASSES), name="logits")(both), name="hits")
