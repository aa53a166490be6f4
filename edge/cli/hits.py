"""``cosmic-edge hits``: list, show and export what a rig or a replay has found."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edge.cli.hits_resend import resend
from edge.cli.shared import console, print_json

if TYPE_CHECKING:
    from edge.hits import HitReader, Query
    from edge.hits.record import Damage

app = typer.Typer(no_args_is_help=True)
app.command()(resend)
_REFUSED_LINES = 20

Hits = Annotated[
    Path | None,
    typer.Argument(metavar="[HITS]", help="Hits file of a replay; without it: the rig's archive."),
]
StateDir = Annotated[
    Path | None, typer.Option("--state-dir", metavar="DIR", help="State folder of a rig.")
]
Class = Annotated[
    Literal["spot", "track", "worm", "artefact"] | None,
    typer.Option("--class", help="Only hits of this class."),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="T", help="Only hits since a UTC time (2026-11-21T10:00) or 2h, 7d ago."
    ),
]
Rig = Annotated[str | None, typer.Option("--rig", metavar="NAME", help="Only hits of this rig.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command("list")
def list_(
    *,
    hits: Hits = None,
    state_dir: StateDir = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="The newest N; 0: all.")] = 20,
    class_: Class = None,
    since: Since = None,
    rig: Rig = None,
    json: Json = False,
) -> None:
    """List hits, the newest last."""
    from edge.hits.listing import HitTable, summary_json

    query = _query(limit or None, class_, since, rig)
    with _opened(hits, state_dir) as reader:
        found = list(reader.hits(query))
        damage, place = reader.damage, reader.place
    if json:
        rows = [summary_json(hit) for hit in found]
        print_json({"hits": rows, "count": len(rows), "damaged": damage.count, "path": place})
        return
    if found:
        _output(HitTable(found))
    else:
        typer.echo(f"{place}: no such hits" if class_ or since or rig else f"{place}: no hits yet")
    if found and limit and len(found) == limit:
        typer.echo(f"the newest {limit}; --limit 0 lists all", err=True)
    _say_damage(damage)


@app.command()
def show(
    *,
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of a hit, or how it begins.")],
    hits: Hits = None,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Show one hit with all its fields and draw its crop."""
    from edge.hits.listing import HitDetail
    from edge.hits.reader import find_hit

    with _opened(hits, state_dir) as reader:
        hit = find_hit(reader, id)
    if json:
        print_json({"hit": hit.to_json(), "delivered": hit.delivered})
    else:
        _output(HitDetail(hit))


@app.command()
def export(
    *,
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="File or folder to write.")],
    hits: Hits = None,
    state_dir: StateDir = None,
    format_: Annotated[
        Literal["csv", "parquet", "png", "sheet", "credo"],
        typer.Option(
            "--format",
            help="csv, parquet: a table; png: a folder; sheet: all crops in one PNG; "
            "credo: API's JSON.",
        ),
    ] = "csv",
    raw: Annotated[
        bool, typer.Option("--raw", help="png: raw counts in 16 bits instead of a stretched 8.")
    ] = False,
    sort: Annotated[
        Literal["brightness", "frame"] | None,
        typer.Option("--sort", help="sheet: the brightest first, or as they were made."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    device_model: Annotated[
        str | None,
        typer.Option(
            "--device-model", metavar="TEXT", help="credo: the device's model, not the sensor's."
        ),
    ] = None,
    class_: Class = None,
    since: Since = None,
    rig: Rig = None,
    json: Json = False,
) -> None:
    """Write hits as a table, as pictures, or as the CREDO API takes them (real hits only)."""
    from edge.errors import BadUse
    from edge.hits import export_hits

    if raw and format_ != "png":
        raise BadUse("--raw is for --format png: tables and CREDO have no raw pictures")
    if sort is not None and format_ != "sheet":
        raise BadUse("--sort is for --format sheet: the others keep the order of the hits")
    query = _query(None, class_, since, rig)
    with _opened(hits, state_dir) as reader:
        done = export_hits(
            reader,
            query,
            format_,
            out,
            raw=raw,
            order=sort or "brightness",
            force=force,
            device_model=device_model,
        )
    if json:
        print_json(done.to_json())
        return
    refused = ", ".join(f"{number} {reason}" for reason, number in sorted(done.refused.items()))
    typer.echo(f"{done.exported} hits written to {out}" + (f"; refused: {refused}" * bool(refused)))
    _say_damage(done.damage)


@app.command()
def features(
    *,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="Pictures, folders, hits files, state folders, CREDO JSON."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.csv", help="Table to write.")],
    png: Annotated[
        Path | None, typer.Option("--png", metavar="DIR", help="Write the crops as PNG, too.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure shape and light of crops from their pixels alone, one row of a table each."""
    from edge.cli.shared import progress
    from edge.hits.features import measure_crops

    with progress(None, "measuring") as advance:
        done = measure_crops(paths, out, png=png, advance=advance)
    if json:
        print_json(done.to_json())
        return
    beside = f", pictures to {png}" if png is not None else ""
    typer.echo(f"{done.count} crops measured, written to {out}{beside}")
    for one in done.refused[:_REFUSED_LINES]:
        typer.echo(f"refused: {one.name}: {one.why}", err=True)
    if len(done.refused) > _REFUSED_LINES:
        typer.echo(f"{len(done.refused)} refused; --json lists them all", err=True)


@contextlib.contextmanager
def _opened(hits: Path | None, state_dir: Path | None) -> Iterator[HitReader]:
    from edge.config.values import default_state_dir
    from edge.errors import BadUse
    from edge.hits import open_hits

    if hits is not None and state_dir is not None:
        raise BadUse("give a hits file or --state-dir, not both")
    with contextlib.closing(open_hits(hits or state_dir or default_state_dir())) as reader:
        yield reader


def _query(limit: int | None, class_: str | None, since: str | None, rig: str | None) -> Query:
    from edge.hits import Query, parse_since

    return Query(limit, class_, None if since is None else parse_since(since), rig)


def _output(what: object) -> None:
    """Print on standard output, in colour where that is a terminal."""
    from rich.console import Console

    Console(highlight=False).print(what)


def _say_damage(damage: Damage) -> None:
    if damage:
        others = f", and {damage.count - 1} more" if damage.count > 1 else ""
        console().print(f"left out: {damage.first}{others}", style="yellow", highlight=False)
