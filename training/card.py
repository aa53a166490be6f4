"""The model card: what a model was made of, and what it is not to be trusted with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.outfile import FileKind, write_whole
from training.bootstrap import GroupDraws
from training.labelled import LabelledCrops
from training.scores import confusion, drawn_scores, score_intervals, scores_of

MODEL = FileKind("a model", b"TFL3")

_LIMITS = """\
It tells shapes of hits that stand out of their surroundings' noise. Neither black level nor bit
depth reaches it, nor gain where noise is above a count; a crop in which nothing stands out is
called an artefact, and a hot pixel that looks like a spot is called one: only its coming back gives
it away. It was trained on crops like those above: of other cameras, look at some answers before
trusting them. Scores are probabilities of the class that most judges of such crops chose;
votes are the share of judges to be expected. `cosmic-edge train DATA --cross-validate` repeats all
of it, the choice of labels included, without some groups, and judges it on those.
"""


def write_card(
    path: Path,
    crops: LabelledCrops,
    report: Mapping[str, Any],
    unseen: NDArray[np.float64],
    sources: Sequence[str] = (),
) -> None:
    """Write the card; raises Failed where it can't be written.

    Parameters
    ----------
    path : Path
    crops : LabelledCrops
    report : mapping
        What `train` says of itself.
    unseen : ndarray, shape (n, 4)
        Scores of the crops by nets that never saw their groups.
    sources : sequence of str
        What was joined to the crops, in its order.
    """
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
        f"{report['crops']} crops in {report['groups']} groups, of which labels of "
        f"{report['learned_from']} were learned from: nets that never saw their groups did not "
        "deny those. Temperatures were fitted to groups that such nets never saw.",
        "",
        "## Training",
        "",
        *(f"- {name.replace('_', ' ')}: {value}" for name, value in report.items()),
        "",
        "## On groups never seen",
        "",
        "Answers of nets made in the same way, each to crops of groups that it was not shown; the "
        "labels that were not learned from are judged as well. In brackets 95 % intervals over "
        "groups.",
        "",
        *_unseen(crops, unseen, sources),
        "## Limits",
        "",
        _LIMITS,
    ]
    write_whole(path, "\n".join(lines).encode())


def _unseen(
    crops: LabelledCrops, unseen: NDArray[np.float64], sources: Sequence[str]
) -> Iterator[str]:
    source = np.array([one.partition("/")[0] for one in crops.group])
    for number, name in enumerate(sources or ["all"]):
        rows = (source == str(number)) | (not sources)
        rows &= crops.label >= 0
        if not rows.any():
            continue
        label, group = crops.label[rows], np.array(crops.group)[rows].tolist()
        scores, confident = unseen[rows], crops.confident[rows]
        found = scores_of(scores, label, confident)
        drawn = drawn_scores(scores[np.newaxis], label, confident, GroupDraws(group))
        between = score_intervals(found, drawn)
        yield f"**{name}**, {len(label)} crops: " + ", ".join(
            f"{_TOLD[key]} {value:.3f} [{between[key][0]:.3f}, {between[key][1]:.3f}]"
            for key, value in asdict(found).items()
        )
        yield ""
        yield "| truly | " + " | ".join(f"called {one}" for one in CLASSES) + " |"
        yield "|" + "---|" * (len(CLASSES) + 1)
        for kind, row in zip(CLASSES, confusion(scores, label), strict=True):
            yield f"| {kind} | " + " | ".join(map(str, row)) + " |"
        yield ""


_TOLD = {
    "all": "right",
    "confident": "of those people agreed on",
    "artefact": "artefact or not",
    "sure": "right above a score of 0.9",
    "sure_kept": "share of these",
    "ece": "calibration error",
}
