"""``cosmic-edge classify``: the classes of hits in files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.options import Json

if TYPE_CHECKING:
    from edge.classification.classes import Classifier, Standing
    from edge.classification.inputs import Item
    from edge.classification.results import Results

_HEAD = b"file,class,score_spot,"


def command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Images, folders of them, hits files of a rig, JSON of the CREDO API.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="FILE", help='A .tflite file, or "rules"; without: the shipped one.'
        ),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a table as well.")
    ] = None,
    json: Json = False,
) -> None:
    """Say of each hit whether it is a spot, a track, a worm or an artefact."""
    from edge.classification.inputs import files_of
    from edge.classification.results import classify_all
    from edge.cli.shared import print_json, progress
    from edge.outfile import FileKind, check_place, write_whole

    if csv is not None:
        check_place(csv, FileKind("a table of classes", _HEAD))
    files = files_of(paths)
    classifier = _classifier(model)
    with progress(len(files), "classify") as advance:

        def items() -> Iterator[Item]:
            for file in files:
                yield from _items(file)
                advance(1)

        done = classify_all(items(), classifier)
    if csv is not None:
        write_whole(csv, done.csv())
    if json:
        print_json(done.to_json())
    else:
        _show(done, classifier.standing())
    if not done.results:
        raise typer.Exit(1)


def _items(file: object) -> Iterator[Item]:
    from edge.classification.inputs import Refusal, items_of

    if isinstance(file, Refusal):
        yield file
    elif isinstance(file, Path):
        yield from items_of(file)


def _classifier(wanted: str | None) -> Classifier:
    """The shipped model or rules; a file that was named and can't be used ends the command."""
    from edge.classification.chosen import RULES, SHIPPED, classifier_of
    from edge.classification.fallback import WithFallback
    from edge.classification.model import ModelClassifier, ModelFile
    from edge.config.load import load_config

    if wanted not in (None, RULES, SHIPPED):
        return WithFallback(ModelClassifier.load(ModelFile.read(Path(str(wanted)))))
    classifier, note = classifier_of(load_config(None, {"classify.model": wanted}))
    if note:
        typer.echo(f"cosmic-edge: {note}", err=True)
    return classifier


def _show(done: Results, standing: Standing) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from edge.display.classifier import classifier_line
    from edge.display.view import class_style

    console = Console()
    if done.results:
        voted = any(one.votes is not None for one in done.results)
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("file", overflow="fold")
        table.add_column("class", no_wrap=True)
        table.add_column("score", justify="right")
        if voted:
            table.add_column("votes", justify="right")
        for one in done.results:
            cells = [escape(one.file), f"[{class_style(one.label)}]{one.label}[/]"]
            cells.append(f"{one.scores[one.label]:.2f}")
            if voted:
                cells.append("" if one.votes is None else f"{one.votes[one.label]:.2f}")
            table.add_row(*cells)
        console.print(table)
    for refusal in done.refused:
        console.print(f"[yellow]refused[/] {escape(refusal.file)}: {escape(refusal.why)}")
    labels = [one.label for one in done.results]
    counts = " · ".join(f"{name} {labels.count(name)}" for name in dict.fromkeys(sorted(labels)))
    console.print(f"{len(labels)} classified{f' ({counts})' if counts else ''}", end="")
    console.print(
        f", {len(done.refused)} refused, by {escape(classifier_line(standing.to_json()))}"
    )
