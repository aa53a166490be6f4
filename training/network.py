"""The net: convolutions over the crop, and a few layers over its numbers, put together.

Small enough for a Raspberry Pi: no more than 400 kB in half precision, and pooling instead of a
flattened picture, which the runtimes take without a dynamic shape.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.classification.numbers import NAMES
from edge.classification.prepare import CHANNELS, SIZE_PX

WIDTH = 20
_REACH = 4.0


def used_numbers() -> tuple[int, ...]:
    """Positions of the numbers that the net looks at.

    Not those that tell the level, the noise or the structure of what is dark: which camera it was
    is not what the hit is.
    """
    shape = ("eighth_", "quarter_", "half_", "otsu_", "noise_", "zernike_")
    ours = ("stands_out_log", "light_log")
    return tuple(i for i, name in enumerate(NAMES) if name.startswith(shape) or name in ours)


def make_network(middle: NDArray[Any], scale: NDArray[Any], width: int = WIDTH) -> Any:
    """Build the net: crops and numbers in; logits of pixels, of numbers, of both out.

    Parameters
    ----------
    middle, scale : ndarray of float32, shape (len(used_numbers()),)
        Of the numbers it uses, to bring them to one scale.
    width : int
    """
    import keras

    layers = keras.layers
    crop = keras.Input((SIZE_PX, SIZE_PX, CHANNELS), name="crop")
    told = keras.Input((len(NAMES),), name="features")
    seen = layers.Dropout(0.4)(_seen(crop, width))
    known = _known(told, middle, scale)
    classes = len(CLASSES)
    answers = [
        layers.Dense(classes, name="pixels")(seen),
        layers.Dense(classes, name="numbers")(known),
        layers.Dense(classes, name="both")(layers.Concatenate()([seen, known])),
    ]
    return keras.Model([crop, told], answers, name="hits")


def _seen(crop: Any, width: int) -> Any:
    import keras

    layers = keras.layers
    shown = crop
    for filters, stride in (
        (width // 2, 1), (width, 2), (width, 1), (2 * width, 2), (2 * width, 1),
        (3 * width, 2), (3 * width, 1),
    ):  # fmt: skip
        shown = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(shown)
        shown = layers.BatchNormalization(momentum=0.95)(shown)
        shown = layers.ReLU()(shown)
    means, largest = layers.GlobalAveragePooling2D()(shown), layers.GlobalMaxPooling2D()(shown)
    return layers.Concatenate()([means, largest])


def _known(told: Any, middle: NDArray[Any], scale: NDArray[Any]) -> Any:
    import keras

    layers = keras.layers
    # A matrix that picks and scales at once: a gather would be another kind of operation.
    pick = np.zeros((len(NAMES), len(middle)), np.float32)
    pick[list(used_numbers()), range(len(middle))] = 1 / scale
    picked = layers.Dense(len(middle), trainable=False, name="scaled")
    known = picked(told)
    picked.set_weights([pick, -np.asarray(middle / scale, np.float32)])
    known = layers.ReLU(max_value=2 * _REACH)(known + _REACH) - _REACH
    known = layers.Dropout(0.1)(known)
    for size, dropped in ((64, 0.4), (32, 0.3)):
        known = layers.Dense(size, activation="relu")(known)
        known = layers.Dropout(dropped)(known)
    return known
