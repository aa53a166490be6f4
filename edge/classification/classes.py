"""The classes of a hit, and the seam between what decides and what asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from edge.detection import Candidate

CLASSES = ("spot", "track", "worm", "artefact")
"""The classes of CREDO's labelled sets, in the order scores and votes are given."""


@dataclass(frozen=True, slots=True)
class Classification:
    """A class and how sure the classifier is of each.

    Attributes
    ----------
    label : str
        One of `CLASSES`, the one with the largest score.
    scores : dict of str to float
        One for each of `CLASSES`, 0 to 1, summing to 1.
    model_id : str
        What decided, for the hit's provenance.
    votes : dict of str to float, or None
        Share of judges that is expected to vote for each of `CLASSES`; None where the classifier
        knows none.
    """

    label: str
    scores: dict[str, float]
    model_id: str
    votes: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with a classifier, for summaries.

    Attributes
    ----------
    model_id : str
        What decides from here on.
    runtime : str or None
        What runs the model, such as "litert 2.3.0"; None for rules.
    fell_back : str or None
        Why the rules decide instead of the model that was asked for; None where all is well.
    failures : int
        Batches that the model failed at, and that the rules decided.
    """

    model_id: str
    runtime: str | None = None
    fell_back: str | None = None
    failures: int = 0

    def to_json(self) -> dict[str, Any]:
        """What summaries hold."""
        return asdict(self)


class Classifier(Protocol):
    """Gives each candidate of a batch a class."""

    @property
    def model_id(self) -> str:
        """What decides, for a replay's epoch; changes whenever the answers may change."""

    def classify(self, batch: Sequence[tuple[Candidate, dict[str, float]]]) -> list[Classification]:
        """Classify candidates with their features (`edge.describe.describe`), in order."""

    def standing(self) -> Standing:
        """How it stands with it now."""
