"""Figures, pictures and the page of a report, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edge.errors import BadUse
from training.crossval import Compared, Given
from training.report.calibration import reliability
from training.report.cluster_pictures import clusters_plot, members_sheet
from training.report.clusters import clustering
from training.report.comparison import compare
from training.report.kept import kept_curve
from training.report.labelled_answers import Answers, Truth
from training.report.mistakes import mistakes_sheet, worst_mistakes
from training.report.page import heading, page, paragraph, picture
from training.report.per_class import agreement, class_figures
from training.report.plots import confusion_plot, kept_plot, reliability_plot
from training.report.sections import (
    classes_section,
    clusters_section,
    comparison_section,
    data_section,
    mistakes_section,
)

REPORT = "cosmic-edge train"
_TITLE = "Classifiers of hits, judged on groups never seen"

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A report.

    Attributes
    ----------
    figures : dict
        What the page tells in numbers.
    pictures : dict of str to bytes
        PNGs by file name.
    page : bytes
        HTML that holds them.
    """

    figures: dict[str, Any]
    pictures: dict[str, bytes]
    page: bytes


def build(
    given: Given,
    found: Sequence[Compared],
    *,
    chosen: str | None = None,
    seed: int = 0,
    told: Told | None = None,
) -> Built:
    """Make a report; the parameters are those of `training.report.write.write_report`."""
    crops, truth, say = given.crops, Truth.of(given), told or (lambda line: None)
    answers = {one.name: Answers.of(one, truth) for one in found}
    say("figures and plots")
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
    say("clusters")
    parts = clustering(given, seed)
    if parts is not None:
        pictures["clusters.png"] = clusters_plot(parts)
        pictures["cluster_members.png"] = members_sheet(crops, parts)
    figures = {
        "report": REPORT,
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
    return Built(figures, pictures, html)
