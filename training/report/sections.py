"""Parts of the page: what is shown, and what is to be known to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training.bootstrap import DRAWS
from training.labelled import LabelledCrops
from training.report.clusters import Clustering
from training.report.comparison import Comparison, Figure
from training.report.labelled_answers import Answers
from training.report.mistakes import Mistake, told_votes
from training.report.page import (
    heading,
    number,
    paragraph,
    percent,
    picture,
    table,
    with_interval,
)
from training.report.per_class import FLOOR, Agreement, ClassFigures

_POINTS = {
    "all": "all",
    "confident": "confident",
    "artefact": "artefact or signal",
    "sure": "right of score > 0.9",
    "sure_kept": "kept at score > 0.9",
    "ece": "ECE",
}


def data_section(crops: LabelledCrops, answers: Sequence[Answers]) -> list[str]:
    """Say what was judged, and how."""
    truth, repeats = answers[0].truth, answers[0].repeats
    return [
        paragraph(
            f"{len(crops)} crops in {len(set(crops.group))} groups; {len(truth.rows)} have a "
            f"label, in {truth.draws.groups} groups, and on {int(truth.confident.sum())} of these "
            f"nearly all judges agreed. Each was judged {repeats} "
            f"time{'s' * (repeats != 1)} by a method that was trained without its group."
        ),
        paragraph(
            f"Intervals are 95 %, by drawing whole groups {DRAWS} times: crops of one device stand "
            "and fall together. They tell how far figures would move with other groups like these, "
            "not with another kind of camera. A figure of 0 or 100 % moves in no draw.",
            note=True,
        ),
    ]


def comparison_section(found: Comparison) -> list[str]:
    """Put methods beside one another, and beside the best."""
    head = ("method", *_POINTS.values())
    rows = [
        (name, *(_value(key, figures[key]) for key in _POINTS))
        for name, figures in found.figures.items()
    ]
    differences = [
        (name, *(_difference(key, figures[key]) for key in _POINTS))
        for name, figures in found.figures.items()
        if name != found.best
    ]
    parts = [
        heading("Methods beside one another"),
        table(head, rows, caption="Means over repeats; the best one is bold.", best=found.best),
    ]
    if differences:
        caption = (
            f"Difference to {found.best}, in percentage points (ECE: as it is). Both are judged "
            "on the same groups in every draw: an interval without 0 tells them apart."
        )
        parts.append(table(head, differences, caption=caption))
    return parts


def classes_section(
    found: Mapping[str, Sequence[ClassFigures]], agreed: Mapping[str, Agreement]
) -> list[str]:
    """Statistics of each class, a table for each method, and of all classes."""
    head = (
        "class", "crops", "groups", "called", "precision", "recall", "F1", "AUC",
        "mean score", "share", "Brier", "votes' error", "diver\u00adgence",
    )  # fmt: skip
    parts = [
        heading("Class by class"),
        paragraph(
            "AUC: area under the ROC curve, the class against the rest. Mean score beside the "
            "share of rows that have the label: equal where scores are right on the whole. Votes' "
            "error: mean squared difference of score and judges' share, over all rows with votes. "
            "Divergence: Kullback-Leibler, of scores from votes, in nats, over rows of the label; "
            f"scores below {FLOOR:g} count as that much.",
            note=True,
        ),
    ]
    for name, classes in found.items():
        parts.append(table(head, [_class_row(one) for one in classes], caption=name))
    rows = [
        (name, number(one.brier), number(one.vote_error, 4), number(one.divergence), str(one.rows))
        for name, one in agreed.items()
    ]
    overall = ("method", "Brier", "votes' error", "divergence", "rows with votes")
    parts.append(table(overall, rows, caption="Over all classes; rows without a label have votes."))
    return parts


def mistakes_section(found: Sequence[Mistake], method: str, png: bytes) -> list[str]:
    """Show the sheet, and list what is on it."""
    rows = [
        (
            one.name, one.group, one.label, told_votes(one.votes),
            "yes" if one.confident else "no", one.called, number(one.score),
        )
        for one in found
    ]  # fmt: skip
    head = ("name", "group", "true", "votes in %", "judges agree", "called", "score")
    return [
        heading("Worst mistakes"),
        paragraph(
            f"The wrong answers that {method} was surest of; scores are means over repeats. A "
            "frame has the colour of the true class. Where judges disagree, the label may be what "
            "is wrong."
        ),
        picture(png, f"Contact sheet of {len(found)} crops that {method} called something else"),
        table(head, rows),
    ]


def clusters_section(found: Clustering | None, plot: bytes, sheet: bytes) -> list[str]:
    """Show what the numbers alone would part the crops into."""
    title = heading("Parted without labels")
    if found is None:
        return [title, paragraph("Too few crops, or too alike, to be parted.")]
    most = found.steps[-1].k
    border = (
        " No more were tried: the crops are not of a few round kinds."
        if found.chosen == most
        else ""
    )
    rows = [
        (
            str(i), str(one.crops), str(one.groups), percent(one.largest_group),
            ", ".join(f"{name} {count}" for name, count in one.classes.items()),
        )
        for i, one in enumerate(found.clusters, 1)
    ]  # fmt: skip
    head = ("cluster", "crops", "groups", "of the largest group", "labels")
    return [
        title,
        paragraph(
            "k-means and Gaussian mixtures on the crops' numbers, standardised by quantiles, in "
            f"{found.dimensions} principal components with {percent(found.explained)} of the "
            f"variance. The mixture with the least BIC has {found.chosen} parts.{border}"
        ),
        picture(plot, "Inertia, silhouette, AIC, BIC and agreement with labels against k"),
        table(head, rows, caption="Parts of that mixture. One group's alone is no kind of hit."),
        picture(sheet, "Crops nearest to the middle of each part"),
    ]


def _value(key: str, figure: Figure) -> str:
    say = number if key == "ece" else percent
    low, high = figure.interval
    return with_interval(say(figure.value), say(low), say(high))


def _difference(key: str, figure: Figure) -> str:
    """With its sign."""
    factor, digits = (1, 3) if key == "ece" else (100, 1)

    def say(value: float) -> str:
        text = number(value * factor, digits)
        return text if text == "–" or text.startswith("-") else f"+{text}"

    low, high = figure.difference_interval
    return with_interval(say(figure.difference), say(low), say(high))


def _class_row(one: ClassFigures) -> tuple[str, ...]:
    rates = {"precision": one.precision, "recall": one.recall, "f1": one.f1}
    return (
        one.name,
        f"{one.crops}",
        f"{one.groups}",
        f"{one.called:.0f}",
        *(
            with_interval(percent(value), *(number(end * 100, 1) for end in one.intervals[key]))
            for key, value in rates.items()
        ),
        number(one.auc),
        number(one.mean_score),
        number(one.share),
        number(one.brier),
        number(one.vote_error, 4),
        number(one.divergence),
    )
