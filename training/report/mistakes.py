"""The answers a method was surest of that are wrong."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from training.labelled import LabelledCrops
from training.report.contact import DIM, OF_CLASS, TEXT, Section, Tile, contact_sheet
from training.report.labelled_answers import Answers

MOST = 40
_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Mistake:
    """A crop that was called something else than what it is.

    Attributes
    ----------
    row : int
        Among the crops.
    name, group : str
    label, called : str
        The agreed class, and the one of the largest mean score.
    score : float
        Of the class called, mean over repeats.
    votes : tuple of float
        Shares of judges, in the order of `edge.classification.classes.CLASSES`.
    confident : bool
        Whether nearly all judges agreed.
    """

    row: int
    name: str
    group: str
    label: str
    called: str
    score: float
    votes: tuple[float, ...]
    confident: bool

    def to_json(self) -> dict[str, Any]:
        """All but the row."""
        return {key: value for key, value in asdict(self).items() if key != "row"}


def worst_mistakes(crops: LabelledCrops, answers: Answers, most: int = MOST) -> list[Mistake]:
    """Choose the wrong answers with the largest scores, the surest first."""
    scores: NDArray[np.float64] = answers.predicted.mean(axis=0)
    called, truth = scores.argmax(axis=1), answers.truth
    wrong = np.flatnonzero(called != truth.label)
    surest = wrong[np.argsort(-scores[wrong, called[wrong]], kind="stable")][:most]
    return [
        Mistake(
            row=(row := int(truth.rows[i])),
            name=crops.name[row],
            group=crops.group[row],
            label=CLASSES[truth.label[i]],
            called=CLASSES[called[i]],
            score=float(scores[i, called[i]]),
            votes=tuple(float(one) for one in crops.votes[row]),
            confident=bool(truth.confident[i]),
        )
        for i in surest
    ]


def mistakes_sheet(crops: LabelledCrops, mistakes: list[Mistake], method: str) -> bytes:
    """Draw them as a PNG; a frame has the colour of the true class."""
    heading = f"{method}: the surest wrong answers, the surest first"
    if not mistakes:
        heading = f"{method}: no wrong answer"
    section = Section(heading, [_tile(crops, one) for one in mistakes])
    return contact_sheet([section], _COLUMNS, "training report, worst mistakes")


def told_votes(votes: tuple[float, ...]) -> str:
    """Votes in a few letters: ``s 10 t 90``, in percent."""
    shares = zip(CLASSES, votes, strict=True)
    return " ".join(f"{name[0]} {share * 100:.0f}" for name, share in shares if share >= 0.005)


def _tile(crops: LabelledCrops, mistake: Mistake) -> Tile:
    true, called = CLASSES.index(mistake.label), CLASSES.index(mistake.called)
    return Tile(
        crops.pixels[mistake.row],
        (
            (f"true {mistake.label}", OF_CLASS[true]),
            (f"votes % {told_votes(mistake.votes)}", TEXT),
            (f"called {mistake.called} {mistake.score:.3f}", OF_CLASS[called]),
            (mistake.name[-28:], DIM),
        ),
        OF_CLASS[true],
    )
