"""How ``tiny.tflite``, the model of the tests, was made: `python make_tiny.py [FILE]`.

It keeps the contract of `edge.classification.model` and knows nothing: its weights are drawn, not
learned. Made with TensorFlow 2.21, which the project itself does not need. The way matters: a
`tf.Module` whose variables are its own, a saved model with the signature ``classify_1``, and the
converter on that. ``from_concrete_functions`` on a Keras model loses the weights without a word,
so what was converted is run against TensorFlow before it is written.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

SIZE_PX, CHANNELS, CLASSES = 48, 2, 4


class Tiny(tf.Module):
    """Two strided convolutions, the largest and the mean of each feature, two softmax heads."""

    def __init__(self) -> None:
        super().__init__()
        draw = np.random.default_rng(17)

        def drawn(*shape: int, scale: float) -> tf.Variable:
            return tf.Variable(draw.normal(0.0, scale, shape).astype(np.float32))

        self.first = drawn(5, 5, CHANNELS, 6, scale=0.4)
        self.second = drawn(3, 3, 6, 8, scale=0.4)
        self.scores = drawn(16, CLASSES, scale=1.0)
        self.votes = drawn(16, CLASSES, scale=0.5)

    @tf.function(input_signature=[tf.TensorSpec((None, SIZE_PX, SIZE_PX, CHANNELS), name="crop")])
    def classify(self, crop: tf.Tensor) -> dict[str, tf.Tensor]:
        lit = tf.nn.relu(tf.nn.conv2d(crop, self.first, strides=3, padding="SAME"))
        lit = tf.nn.relu(tf.nn.conv2d(lit, self.second, strides=2, padding="SAME"))
        seen = tf.concat([tf.reduce_max(lit, (1, 2)), tf.reduce_mean(lit, (1, 2))], axis=1)
        return {
            "scores": tf.nn.softmax(tf.matmul(seen, self.scores)),
            "votes": tf.nn.softmax(tf.matmul(seen, self.votes)),
        }


def convert(module: Tiny) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"classify_1": module.classify})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, ["classify_1"])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())


def check(module: Tiny, model: bytes) -> float:
    """Largest difference between what was converted and TensorFlow itself."""
    crops = np.random.default_rng(1).random((7, SIZE_PX, SIZE_PX, CHANNELS), np.float32)
    run = Interpreter(model_content=model).get_signature_runner("classify_1")
    ours, theirs = run(crop=crops), module.classify(crops)
    return max(float(np.abs(ours[name] - theirs[name].numpy()).max()) for name in ours)


def main(path: Path) -> None:
    module = Tiny()
    model = convert(module)
    difference = check(module, model)
    if difference > 0.01:
        raise SystemExit(f"the converted model differs by {difference:.3g}: not written")
    path.write_bytes(model)
    print(f"{path}: {len(model)} bytes, differs from TensorFlow by {difference:.2g}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("tiny.tflite"))
