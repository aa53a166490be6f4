"""Classes of many files: results in their order, what was refused, and a table of both."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from edge.classification.classes import CLASSES, Classifier
from edge.classification.inputs import Item, Picked, Refusal

_AT_ONCE = 32
COLUMNS = (
    "file",
    "class",
    *(f"score_{name}" for name in CLASSES),
    *(f"vote_{name}" for name in CLASSES),
    "model_id",
    "runtime",
    "refused",
)
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Result:
    """One file's class; the numbers have four decimals, as in a hit."""

    file: str
    label: str
    scores: dict[str, float]
    votes: dict[str, float] | None
    model_id: str
    runtime: str | None

    def to_json(self) -> dict[str, Any]:
        """As `classify --json` prints it."""
        plain = asdict(self)
        return {"file": plain.pop("file"), "class": plain.pop("label"), **plain}

    def row(self) -> dict[str, Any]:
        """As a line of the table."""
        votes = self.votes or {}
        return {
            "file": self.file,
            "class": self.label,
            **{f"score_{name}": self.scores[name] for name in CLASSES},
            **{f"vote_{name}": votes.get(name) for name in CLASSES},
            "model_id": self.model_id,
            "runtime": self.runtime,
        }


@dataclass(slots=True)
class Results:
    """What came of all files, each in exactly one of both lists."""

    results: list[Result] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As `classify --json` prints it."""
        return {
            "results": [one.to_json() for one in self.results],
            "refused": [asdict(one) for one in self.refused],
        }

    def csv(self) -> bytes:
        """One line for each result, then one for each refusal."""
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(one.row() for one in self.results)
        table.writerows({"file": one.file, "refused": one.why} for one in self.refused)
        return text.getvalue().encode("utf-8", "backslashreplace")


def classify_all(items: Iterable[Item], classifier: Classifier) -> Results:
    """Classify in groups, so that never many pictures lie in memory."""
    done = Results()
    remaining = iter(items)
    while group := list(islice(remaining, _AT_ONCE)):
        picked = [item for item in group if isinstance(item, Picked)]
        done.refused += [item for item in group if isinstance(item, Refusal)]
        done.results += _classified(picked, classifier)
    return done


def _classified(picked: list[Picked], classifier: Classifier) -> Iterator[Result]:
    standing = classifier.standing()
    answers = classifier.classify([(one.candidate, one.features) for one in picked])
    for one, answer in zip(picked, answers, strict=True):
        by_model = answer.model_id == standing.model_id
        yield Result(
            one.file,
            answer.label,
            _rounded(answer.scores),
            None if answer.votes is None else _rounded(answer.votes),
            answer.model_id,
            standing.runtime if by_model else None,
        )


def _rounded(shares: dict[str, float]) -> dict[str, float]:
    return {name: round(value, _DECIMALS) for name, value in shares.items()}
