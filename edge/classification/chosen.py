"""The classifier that a configuration asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.classification.classes import Classifier
from edge.classification.fallback import WithFallback
from edge.errors import CosmicEdgeError

if TYPE_CHECKING:
    from edge.classification.runtime import Runtime
    from edge.config.model import Config

SHIPPED, RULES = "shipped", "rules"
NONE_SHIPPED = "no model is shipped with this version"


def classifier_of(
    config: Config,
    *,
    careful: bool = False,
    slowest_s: float | None = None,
    runtimes: Sequence[Runtime] | None = None,
) -> tuple[Classifier, str]:
    """Make the classifier of ``[classify] model``; where that can't be had, rules.

    Parameters
    ----------
    config : Config
    careful : bool
        Try even the shipped model in another process first: on a processor that its runtime was
        not built for it would end this one.
    slowest_s : float, optional
        See `WithFallback`.
    runtimes : sequence of Runtime, optional
        What an app on Android runs models with; None: what is installed.

    Returns
    -------
    Classifier
    str
        One line on why the rules decide although a model was asked for; "" where all is well.
    """
    wanted = config.classify.model
    if wanted == RULES:
        return WithFallback(None), ""
    try:
        model = _model(wanted, careful, runtimes)
    except CosmicEdgeError as error:
        why = str(error)
    except Exception as error:  # the rig looks on, whatever a model does
        why = f"{wanted}: {type(error).__name__}: {' '.join(str(error).split())}"
    else:
        return WithFallback(model, slowest_s=slowest_s), ""
    return WithFallback(None, why), f"hits get their class by rules of shape: {why}"


def _model(wanted: str | Path, careful: bool, runtimes: Sequence[Runtime] | None) -> Classifier:
    from edge.classification.shipped import is_as_shipped, shipped
    from edge.errors import Failed

    ours = wanted == SHIPPED
    path = shipped() if ours else Path(wanted)
    if path is None:
        raise Failed(NONE_SHIPPED)
    # Late: without a model no start waits for what runs and feeds one.
    from edge.classification.model import ModelClassifier, ModelFile

    file = ModelFile.read(path)
    known = ours and is_as_shipped(file)
    return ModelClassifier.load(file, runtimes=runtimes, careful=careful or not known)
