"""A model with the rules of shape behind it: no hit goes without a class."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from edge.classification.classes import Classification, Classifier, Standing
from edge.classification.rules import RuleClassifier
from edge.detection import Candidate

_MOST_IN_A_ROW = 3
_log = logging.getLogger(__name__)


class WithFallback:
    """Asks a model, and the rules where there is none or it fails.

    A batch that the model fails at is decided by the rules, and says so in each of its answers;
    after three such batches in a row the rules decide for good.

    Parameters
    ----------
    model : Classifier or None
        None: the rules decide from the start.
    fell_back : str, optional
        Why there is none.
    slowest_s : float, optional
        A model that takes longer for each of three batches in a row is given up as well: a live
        rig must describe its hits as fast as they come. None: however long it takes, so that the
        answers don't depend on the computer.
    """

    def __init__(
        self,
        model: Classifier | None,
        fell_back: str | None = None,
        *,
        slowest_s: float | None = None,
    ) -> None:
        self._model = model
        self._rules: Classifier = RuleClassifier()
        self._fell_back = fell_back
        self._slowest_s = slowest_s
        self._failures = self._failed_in_a_row = self._slow_in_a_row = 0

    @property
    def model_id(self) -> str:
        """What decides from here on."""
        return (self._model or self._rules).model_id

    def standing(self) -> Standing:
        """What decides, what runs it, and what went wrong."""
        model = self._model
        runtime = None if model is None else model.standing().runtime
        return Standing(self.model_id, runtime, self._fell_back, self._failures)

    def classify(self, batch: Sequence[tuple[Candidate, dict[str, float]]]) -> list[Classification]:
        """Classify in order; nothing that the model does wrong is raised."""
        if self._model is None or not batch:
            return self._rules.classify(batch)
        begun = time.monotonic()
        try:
            answers = self._model.classify(batch)
        except Exception as error:  # whatever a native library turns its fault into
            self._note_failure(self._model, error)
            return self._rules.classify(batch)
        self._failed_in_a_row = 0
        self._note_time(self._model, time.monotonic() - begun)
        return answers

    def _note_failure(self, model: Classifier, error: Exception) -> None:
        said = " ".join(str(error).split()) or type(error).__name__
        self._failures += 1
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= _MOST_IN_A_ROW:
            self._give_up(f"{model.model_id} failed {_MOST_IN_A_ROW} times in a row: {said}")
        elif self._failures == 1:
            _log.warning(
                "%s failed, the rules of shape decide for these hits: %s", model.model_id, said
            )

    def _note_time(self, model: Classifier, took_s: float) -> None:
        if self._slowest_s is None:
            return
        self._slow_in_a_row = self._slow_in_a_row + 1 if took_s > self._slowest_s else 0
        if self._slow_in_a_row >= _MOST_IN_A_ROW:
            self._give_up(
                f"{model.model_id} is too slow for this computer: {took_s:.1f} s for one frame"
            )

    def _give_up(self, why: str) -> None:
        self._model = None
        self._fell_back = why
        _log.warning("the rules of shape decide from here on: %s", why)
