"""A classifier that is loaded once the rig sees."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet

from edge.background import in_background
from edge.classification.chosen import classifier_of
from edge.classification.classes import Classification, Classifier, Standing
from edge.classification.rules import RuleClassifier
from edge.config.model import Config
from edge.detection import Candidate

PATIENCE_S = 10.0
SLOWEST_S = 5.0
"""For the hits of one frame. Both are well below the 20 s that a rig's reports may stand still."""

LOADING = "the model is still being loaded"
_log = logging.getLogger(__name__)


class Awaited:
    """Loads in a thread of its own; the first batch waits for it, for a bounded time.

    Parameters
    ----------
    make : callable
        Loads the classifier.
    patience_s : float
        What comes after it has waited so long is decided by the rules until the model is there.
    """

    def __init__(self, make: Callable[[], Classifier], patience_s: float = PATIENCE_S) -> None:
        self._make = make
        self._patience_s = patience_s
        self._rules = RuleClassifier()
        self._beginning = threading.Lock()
        self._future: Future[Classifier] | None = None

    def begin(self) -> Future[Classifier]:
        """Start to load, where nobody has yet."""
        with self._beginning:
            if self._future is None:
                self._future = in_background(self._make, "model")
            return self._future

    @property
    def model_id(self) -> str:
        """What decides now."""
        return self.standing().model_id

    def classify(self, batch: Sequence[tuple[Candidate, dict[str, float]]]) -> list[Classification]:
        """Classify in order, by the rules while there is no model."""
        return (self._ready() or self._rules).classify(batch)

    def standing(self) -> Standing:
        """How it stands with what was loaded."""
        ready = self._ready()
        if ready is None:
            return Standing(self._rules.model_id, fell_back=LOADING)
        return ready.standing()

    def _ready(self) -> Classifier | None:
        try:
            return self.begin().result(self._patience_s)
        except NotYet:
            self._patience_s = 0.0  # once is enough
            return None


def awaited_classifier(config: Config) -> Awaited:
    """What a live rig's configuration asks for; where rules decide instead, a line says why."""

    def load() -> Classifier:
        classifier, note = classifier_of(config, careful=True, slowest_s=SLOWEST_S)
        if note:
            _log.warning(note)
        return classifier

    return Awaited(load)
