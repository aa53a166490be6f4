"""How ``shipped.json`` was made: `python -m tests.edge.classification.make_shipped MODEL`.

Needs TensorFlow (the extra ``train``): its own interpreter runs the file, without the fast kernels
of the runtimes. `cosmic-edge train` has checked the file against the net already.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from edge.classification.classes import CLASSES
from edge.classification.numbers import numbers

SEEDS = range(6)


def main(model: Path, out: Path) -> None:
    """Write what TensorFlow answers to drawn crops."""
    import tensorflow as tf

    from tests.edge.classification.test_shipped import crop

    content = model.read_bytes()
    plain = tf.lite.experimental.OpResolverType.BUILTIN_REF
    interpreter = tf.lite.Interpreter(model_content=content, experimental_op_resolver_type=plain)
    runner = interpreter.get_signature_runner("classify_1")
    answers = []
    for kind in CLASSES:
        for seed in SEEDS:
            told = runner(features=numbers(crop(kind, seed))[np.newaxis])
            scores, votes = (
                [round(float(one), 6) for one in told[name][0]] for name in ("scores", "votes")
            )
            answers.append({"kind": kind, "seed": seed, "scores": scores, "votes": votes})
    found = {"sha256": hashlib.sha256(content).hexdigest(), "answers": answers}
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("shipped.json"))
