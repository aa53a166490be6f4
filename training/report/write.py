"""From predictions on groups never seen to a folder: one page, its pictures, the figures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge.drawing import new_figure
from edge.errors import BadUse, Failed
from edge.outfile import FileKind, check_place, write_whole
from training.crossval import Compared, Given
from training.report.calibration import reliability
from training.report.cluster_pictures import clusters_plot, members_sheet
from training.report.clusters import clustering
from training.report.comparison import compare
from training.report.kept import kept_curve
from training.report.labelled_answers import Answers, Truth
from training.report.mistakes import mistakes_sheet, worst_mistakes
from training.report.page import MARK, heading, page, paragraph, picture
from training.report.per_class import agreement, class_figures
from training.report.plots import WHAT, confusion_plot, kept_plot, reliability_plot
from training.report.sections import (
    classes_section,
    clusters_section,
    comparison_section,
    data_section,
    mistakes_section,
)

PAGE, FIGURES = "report.html", "report.json"
PICTURES = (
    "confusion.png", "reliability.png", "kept.png", "mistakes.png", "clusters.png",
    "cluster_members.png",
)  # fmt: skip
_PICTURE = FileKind("a picture of a training report", b"Title\0training report")
_KINDS: Mapping[str, FileKind] = {
    PAGE: FileKind("a training report", MARK),
    FIGURES: FileKind("the figures of a training report", b'"report": "cosmic-edge train"'),
    **dict.fromkeys(PICTURES, _PICTURE),
}
_TITLE = "Classifiers of hits, judged on groups never seen"

Told = Callable[[str], None]


def check_report(folder: Path) -> None:
    """Refuse a place for a report before any work is done for it.

    A new or an empty folder will do, or one that holds an earlier report and nothing else, which
    is replaced.

    Raises
    ------
    BadUse
        It is no folder, or holds something else.
    Failed
        It can't be looked at.
    ModuleNotFoundError
        matplotlib is missing; the message is one line for the user.
    """
    if folder.name in ("", "..") or (folder.exists() and not folder.is_dir()):
        raise BadUse(f"{folder}: is no folder for a report; name a new or an empty one")
    try:
        there = sorted(one.name for one in folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise Failed(f"{folder}: can't be used ({error.strerror or error})") from None
    other = [name for name in there if name not in _KINDS]
    if other:
        raise BadUse(f"{folder}: holds {other[0]}, which is no report's; name a new folder")
    for name in there:
        check_place(folder / name, _KINDS[name])
    new_figure((1.0, 1.0), 72, WHAT)


def write_report(
    folder: Path,
    given: Given,
    found: Sequence[Compared],
    *,
    chosen: str | None = None,
    seed: int = 0,
    told: Told | None = None,
) -> Path:
    """Write ``report.html``, which needs no other file, the pictures in it, and ``report.json``.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    given : Given
        What was judged.
    found : sequence of Compared
        At least one method, all of the same rows.
    chosen : str, optional
        Whose mistakes are shown; None: the best method's.
    seed : int
        Of the clustering.
    told : callable, optional
        Told a line before what takes long.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    BadUse
        The place is not to be used (`check_report`), or no method has the name `chosen`.
    Failed
        It can't be written.
    ModuleNotFoundError
        matplotlib or scikit-learn is missing.
    """
    check_report(folder)
    figures, pictures, html = _made(given, found, chosen, seed, told or (lambda line: None))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in PICTURES:
            if name not in pictures:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise Failed(f"{folder}: can't be used ({error.strerror or error})") from None
    for name, png in pictures.items():
        write_whole(folder / name, png)
    write_whole(folder / FIGURES, json.dumps(_plain(figures), indent=1).encode())
    write_whole(folder / PAGE, html)
    return folder / PAGE


def _made(
    given: Given, found: Sequence[Compared], chosen: str | None, seed: int, told: Told
) -> tuple[dict[str, Any], dict[str, bytes], bytes]:
    """Make figures, pictures by name, and the page."""
    crops, truth = given.crops, Truth.of(given)
    answers = {one.name: Answers.of(one, truth) for one in found}
    told("figures and plots")
    compared = compare(list(answers.values()))
    method = chosen or compared.best
    if method not in answers:
        raise BadUse(f"{method}: no such method; there are {', '.join(answers)}")
    classes = {name: class_figures(crops, one) for name, one in answers.items()}
    agreed = {name: agreement(crops, one, classes[name]) for name, one in answers.items()}
    curves = {name: reliability(one) for name, one in answers.items()}
    kept = {name: kept_curve(one) for name, one in answers.items()}
    mistakes = worst_mistakes(crops, answers[method])
    pictures = {
        "confusion.png": confusion_plot(list(answers.values())),
        "reliability.png": reliability_plot(list(curves.items())),
        "kept.png": kept_plot(list(kept.items())),
        "mistakes.png": mistakes_sheet(crops, mistakes, method),
    }
    told("clusters")
    parts = clustering(given, seed)
    if parts is not None:
        pictures["clusters.png"] = clusters_plot(parts)
        pictures["cluster_members.png"] = members_sheet(crops, parts)
    figures = {
        "report": "cosmic-edge train",
        "crops": len(crops),
        "groups": len(set(crops.group)),
        "labelled": len(truth.rows),
        "labelled_groups": truth.draws.groups,
        "confident": int(truth.confident.sum()),
        "repeats": next(iter(answers.values())).repeats,
        "best": compared.best,
        "methods": {
            name: {
                "figures": {key: asdict(one) for key, one in compared.figures[name].items()},
                "confusion": answers[name].compared.confusion.tolist(),
                "reliability": curves[name].to_json(),
                "kept": kept[name].to_json(),
                "classes": [one.to_json() for one in classes[name]],
                "agreement": asdict(agreed[name]),
            }
            for name in answers
        },
        "mistakes": {"method": method, "rows": [one.to_json() for one in mistakes]},
        "clusters": None if parts is None else parts.to_json(crops.name),
    }
    html = page(
        _TITLE,
        [
            *data_section(crops, list(answers.values())),
            *comparison_section(compared),
            heading("Confusion"),
            paragraph("Counts of all repeats together, and shares of the crops of each class."),
            picture(pictures["confusion.png"], "Confusion matrix of each method"),
            heading("Are scores probabilities?"),
            paragraph(
                "Share of answers that is right against their score, in 15 bins; on the dashed "
                "line scores are probabilities. Below it the rows in each bin, mean over repeats. "
                "ECE: expected calibration error."
            ),
            picture(pictures["reliability.png"], "Reliability curve of each method"),
            heading("What sureness is worth"),
            picture(pictures["kept.png"], "Accuracy against kept share, all methods"),
            *classes_section(classes, agreed),
            *mistakes_section(mistakes, method, pictures["mistakes.png"]),
            *clusters_section(
                parts,
                pictures.get("clusters.png", b""),
                pictures.get("cluster_members.png", b""),
            ),
        ],
    )
    return figures, pictures, html


def _plain(value: Any) -> Any:
    """Six digits are enough for a reader; a number that is not finite becomes null."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
