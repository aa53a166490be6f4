"""Pictures of a clustering: its figures against k, and the crops nearest to each middle."""

from __future__ import annotations

from typing import Any

from edge.classification.classes import CLASSES
from edge.drawing import figure_png, new_figure
from training.labelled import LabelledCrops
from training.report.clusters import Clustering
from training.report.contact import DIM, OF_CLASS, Section, Tile, contact_sheet
from training.report.members import Cluster
from training.report.plots import COLOURS, DPI, FAINT, WHAT, WIDTH_IN

SHOWN = 7
_MARKS = ("o-", "s--", "^-.", "D:")


def clusters_plot(found: Clustering) -> bytes:
    """Draw inertia, silhouette, AIC and BIC, and the agreement with labels against k."""
    figure = new_figure((WIDTH_IN, 7.6), DPI, WHAT)
    panels = list(figure.subplots(2, 2).flat)
    kinds = (
        ("Inertia", (("inertia", "k-means"),)),
        ("Silhouette", (("silhouette", "k-means"),)),
        ("Information criteria, the least is best", (("aic", "AIC"), ("bic", "BIC"))),
        (
            "Agreement with the labels",
            (
                ("means_rand", "Rand, k-means"),
                ("mixture_rand", "Rand, mixture"),
                ("means_information", "information, k-means"),
                ("mixture_information", "information, mixture"),
            ),
        ),
    )
    for panel, (title, lines) in zip(panels, kinds, strict=True):
        _against_k(panel, found, title, lines)
    return figure_png(figure, "training report, clusters")


def members_sheet(crops: LabelledCrops, found: Clustering) -> bytes:
    """Draw the crops nearest to the middle of each cluster of the chosen mixture."""
    sections = [
        Section(_heading(number, one), [_tile(crops, int(row)) for row in one.nearest[:SHOWN]])
        for number, one in enumerate(found.clusters, 1)
    ]
    return contact_sheet(sections, SHOWN, "training report, members of clusters")


def _against_k(
    panel: Any, found: Clustering, title: str, lines: tuple[tuple[str, str], ...]
) -> None:
    ks = [one.k for one in found.steps]
    for number, (key, label) in enumerate(lines):
        values = [getattr(one, key) for one in found.steps]
        panel.plot(ks, values, _MARKS[number], color=COLOURS[number], label=label, markersize=5)
    panel.axvline(found.chosen, color=FAINT, linestyle=":", label=f"least BIC: {found.chosen}")
    panel.set_xticks(ks)
    panel.set_xlabel("k")
    panel.set_title(title, fontsize=11)
    panel.grid(alpha=0.25)
    panel.legend(fontsize=8)


def _heading(number: int, cluster: Cluster) -> str:
    classes = ", ".join(f"{name} {count}" for name, count in cluster.classes.items())
    return (
        f"cluster {number}: {cluster.crops} crops of {cluster.groups} groups, "
        f"{cluster.largest_group:.1%} of one; {classes}"
    )


def _tile(crops: LabelledCrops, row: int) -> Tile:
    label = int(crops.label[row])
    name, colour = (CLASSES[label], OF_CLASS[label]) if label >= 0 else ("no label", DIM)
    return Tile(crops.pixels[row], ((name, colour), (crops.name[row][-18:], DIM)), colour)
