"""``cosmic-edge train``: labelled crops in, the model that rigs run out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.cli.options import Json
from edge.errors import BadUse

if TYPE_CHECKING:
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
    json: Json = False,
) -> None:
    """Train a classifier of hits, or judge one by cross-validation."""
    if report is not None and not cross_validate:
        raise BadUse("--report shows a cross-validation; it goes with --cross-validate")
    if cross_validate == (out is not None):
        raise BadUse("name either --out MODEL.tflite, or --cross-validate")
    if out is not None and out.suffix != ".tflite":
        raise BadUse(f"{out}: a model is a .tflite; name a file that ends so")
    if out is None:
        figures = _judge(data, epochs, seed, repeats, report)
    else:
        figures = _train(data, out, epochs, seed)
    _show(figures, json=json)


def _train(data: list[Path], out: Path, epochs: int, seed: int) -> dict[str, Any]:
    from edge.cli.shared import progress
    from edge.outfile import check_place
    from training.card import MODEL
    from training.fit import FitRules
    from training.train import train

    check_place(out, MODEL)
    crops = read_all(data)
    rules = FitRules(epochs=epochs, seed=seed)
    with progress(2 * epochs + rules.copies + 2, "train") as advance:
        return train(crops, out, rules, lambda done, total: advance(1))


def read_all(data: list[Path]) -> LabelledCrops:
    """Read all that is given, and say what of it can't be used."""
    from training.found import reasons
    from training.labelled import joined, read_labelled

    crops = joined([read_labelled(one) for one in data])
    for line in reasons(crops.left_out):
        typer.echo(f"cosmic-edge: {line}", err=True)
    return crops


def _judge(
    data: list[Path], epochs: int, seed: int, repeats: int, report: Path | None
) -> dict[str, Any]:
    from edge.cli.shared import console, progress
    from training.copies import copies_of
    from training.crossval import Given, cross_validate
    from training.fit import FitRules
    from training.methods import Net, Rules, Trees
    from training.report.write import prepare_report, write_report

    if report is not None:
        prepare_report(report)
    crops = read_all(data)
    rules = FitRules(epochs=epochs, seed=seed)
    with progress(rules.copies + 2, "measure") as advance:
        copies = copies_of(crops, rules.copies, seed, lambda done, total: advance(1))
    net, trees, given = Net(rules), Trees(), Given(crops, copies)
    said = console()

    def tell(line: str) -> None:
        said.print(line, highlight=False, markup=False, soft_wrap=True)

    found = cross_validate(
        given,
        (Rules(), trees, net),
        together=(net.name, trees.name),
        repeats=repeats,
        seed=seed,
        told=tell,
    )
    if report is not None:
        tell(f"report: {write_report(report, given, found, seed=seed, told=tell)}")
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
