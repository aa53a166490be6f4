"""``cosmic-edge train``: labelled crops in, the model that rigs run out."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.cli.options import Json
from edge.errors import BadUse

_PACKAGES = "keras", "tensorflow", "sklearn"

if TYPE_CHECKING:
    from training.fit import FitRules
    from training.labelled import LabelledCrops


def command(  # noqa: PLR0917  (typer gives them by name)
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA…",
            help="Labelled crops, files or folders: with index.csv, or one folder a class; JSON of "
            "CREDO's API; hits with labels.csv, or with the truth of their simulation.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="MODEL.tflite", help="Where the model goes; its card beside."
        ),
    ] = None,
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, max=2000, metavar="N", help="Looks at every crop.")
    ] = 60,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, metavar="N")] = 0,
    cross_validate: Annotated[
        bool,
        typer.Option("--cross-validate", help="Judge it and its rivals on groups never seen."),
    ] = False,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, max=100, metavar="N", help="Of the 5 folds.")
    ] = 5,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FOLDER", help="Cross-validation as a page, pictures and JSON."
        ),
    ] = None,
    also: Annotated[
        list[Path] | None,
        typer.Option(
            "--also", metavar="DATA", help="Trained on in every fold, never judged; repeatable."
        ),
    ] = None,
    other_ground: Annotated[
        bool,
        typer.Option(
            "--other-ground", help="Judge hits on grounds of another level: is the ground read?"
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Train a classifier of hits, or judge one by cross-validation."""
    if (also or other_ground) and not cross_validate:
        raise BadUse("--also and --other-ground go with --cross-validate")
    if report is not None and not cross_validate:
        raise BadUse("--report shows a cross-validation; it goes with --cross-validate")
    if cross_validate == (out is not None):
        raise BadUse("name either --out MODEL.tflite, or --cross-validate")
    if out is not None and out.suffix != ".tflite":
        raise BadUse(f"{out}: a model is a .tflite; name a file that ends so")
    from training.fit import FitRules

    if out is None:
        figures = _judge(
            data, also or [], FitRules(epochs=epochs, seed=seed), repeats, report, other_ground
        )
    else:
        figures = _train(data, out, FitRules(epochs=epochs, seed=seed))
    _show(figures, json=json)


def _insist_on_packages() -> None:
    """Miss one now rather than after minutes of measuring."""
    for name in _PACKAGES:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _train(data: list[Path], out: Path, rules: FitRules) -> dict[str, Any]:
    from edge.cli.shared import progress
    from edge.outfile import check_place
    from training.card import MODEL
    from training.fit import steps_of
    from training.train import train

    check_place(out, MODEL)
    crops, _ = read_all(data)
    _insist_on_packages()
    with progress(steps_of(crops, rules) + rules.copies + 2, "train") as advance:
        return train(
            crops,
            out,
            rules,
            lambda done, total: advance(1),
            sources=[one.name or one.resolve().name for one in data],
        )


def read_all(data: list[Path], also: Sequence[Path] = ()) -> tuple[LabelledCrops, int]:
    """Read all that is given, and say what of it can't be used; how many come before `also`."""
    from training.found import reasons
    from training.labelled import joined, read_labelled

    parts = [read_labelled(one) for one in (*data, *also)]
    crops = joined(parts)
    for line in reasons(crops.left_out):
        typer.echo(f"cosmic-edge: {line}", err=True)
    return crops, sum(map(len, parts[: len(data)]))


def _judge(  # noqa: PLR0917
    data: list[Path],
    also: list[Path],
    rules: FitRules,
    repeats: int,
    report: Path | None,
    other_ground: bool,
) -> dict[str, Any]:
    from edge.cli.shared import console, progress
    from training.copies import copies_of, told_on_other_ground
    from training.crossval import Given, cross_validate
    from training.methods import Net, Rules, Trees, shape_trees
    from training.report.write import prepare_report, write_report

    if report is not None:
        prepare_report(report)
    crops, judged = read_all(data, also)
    _insist_on_packages()
    with progress(rules.copies + 2, "measure") as advance:
        copies = copies_of(crops, rules.copies, rules.seed, lambda done, total: advance(1))
    asked = told_on_other_ground(crops, rules.seed) if other_ground else None
    net, trees, given = Net(rules), Trees(), Given(crops, copies, judged, asked)
    said = console()

    def tell(line: str) -> None:
        said.print(line, highlight=False, markup=False, soft_wrap=True)

    found = cross_validate(
        given,
        (*((Rules(),) if asked is None else ()), shape_trees(), trees, net),
        together=(net.name, trees.name),
        repeats=repeats,
        seed=rules.seed,
        told=tell,
    )
    if report is not None:
        tell(f"report: {write_report(report, given.to_judge, found, seed=rules.seed, told=tell)}")
    return {one.name: one.to_json() for one in found}


def _show(report: dict[str, Any], *, json: bool) -> None:
    from edge.cli.shared import print_json

    if json:
        print_json(report)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False)
    for name, value in report.items():
        figures = value if isinstance(value, dict) else {"": value}
        told = ", ".join(
            f"{key} {one}".strip()
            for key, one in figures.items()
            if not isinstance(one, dict | list)
        )
        table.add_row(name, told)
    Console().print(table)
