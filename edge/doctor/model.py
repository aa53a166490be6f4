"""What gives hits their class: does the model run, and how fast."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from edge.doctor.check import Finding

if TYPE_CHECKING:
    from edge.classification.classes import Classifier
    from edge.config.model import Config

_RULES = "shape rules, a pre-sort without a model file"
_TRIES = 5


def model(config: Config) -> Finding:
    """Load the model that is configured, and classify a crop with it."""
    from edge.classification.chosen import NONE_SHIPPED, classifier_of

    classifier, _ = classifier_of(config, careful=True)
    standing = classifier.standing()
    if standing.fell_back is not None:
        advice = "hits are found all the same; choose another with [classify] model"
        if standing.fell_back == NONE_SHIPPED:
            advice = "hits are found all the same; [classify] model names one of your own"
        detail = f"{standing.model_id} ({_RULES}): {standing.fell_back}"
        return Finding("warn", detail, advice, standing.to_json())
    if standing.runtime is None:
        return Finding("ok", f"{standing.model_id}: {_RULES}", data=standing.to_json())
    crop_ms = _crop_ms(classifier)
    standing = classifier.standing()
    if standing.failures:
        why = standing.fell_back or "it gave no answer to a crop"
        advice = "choose another with [classify] model"
        return Finding("warn", why, advice, standing.to_json())
    detail = f"{standing.model_id} on {standing.runtime}, {crop_ms:.2g} ms a crop"
    return Finding("ok", detail, data={**standing.to_json(), "crop_ms": crop_ms})


def _crop_ms(classifier: Classifier) -> float:
    """Least time of a few, for a crop as large as a rig's."""
    import numpy as np

    from edge.classification.spotted import spotted
    from edge.describe import describe

    pixels = np.full((60, 60), 64, np.uint16)
    pixels[30, 28:33] = 500
    found = spotted(pixels)
    if found is None:
        raise RuntimeError("a drawn track is none")
    batch = [(found, describe(found))]
    times = []
    for _ in range(_TRIES):
        begun = time.perf_counter()
        classifier.classify(batch)
        times.append(time.perf_counter() - begun)
    return 1e3 * min(times)
