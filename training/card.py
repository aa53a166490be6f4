"""The model card: what a model was made of, and what it is not to be trusted with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.classification.classes import CLASSES
from edge.outfile import FileKind, write_whole
from training.labelled import LabelledCrops

MODEL = FileKind("a model", b"TFL3")

_LIMITS = """\
It tells shapes of hits that stand out of their surroundings' noise. Neither black level nor bit
depth reaches it, nor gain where noise is above a count; a crop in which nothing stands out is
called an artefact. It was trained on crops like those above: of other cameras, look at some answers
before trusting them. Scores are probabilities of the class that most judges of such crops chose;
votes are the share of judges to be expected. How good it is on groups of crops it never saw is
measured by `cosmic-edge train DATA --cross-validate`.
"""


def write_card(path: Path, crops: LabelledCrops, report: Mapping[str, Any]) -> None:
    """Write the card; raises Failed where it can't be written."""
    counts = Counter(int(one) for one in crops.label)
    lines = [
        f"# {path.stem}",
        "",
        "## Data",
        "",
        "| class | crops |",
        "|---|---|",
        *(f"| {name} | {counts[i]} |" for i, name in enumerate(CLASSES)),
        f"| judges did not agree | {counts[-1]} |",
        "",
        f"{report['crops']} crops in {report['groups']} groups. A fifth of the groups served to "
        "fit the temperatures of a first net; the model itself was trained on all.",
        "",
        "## Training",
        "",
        *(f"- {name.replace('_', ' ')}: {value}" for name, value in report.items()),
        "",
        "## Limits",
        "",
        _LIMITS,
    ]
    write_whole(path, "\n".join(lines).encode())
