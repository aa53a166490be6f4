"""``cosmic-edge server``: look after the database that `collect` fills."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.shared import check_database_url, print_json
from edge.errors import BadUse, Failed

if TYPE_CHECKING:
    from edge.server.store import RigState, Store

app = typer.Typer(no_args_is_help=True)

Db = Annotated[
    str,
    typer.Option("--db", metavar="URL", help="The database, as `cosmic-edge collect` has it."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def rigs(*, db: Db, json: Json = False) -> None:
    """List rigs: how far their messages are safe, what is stored, when the last one came."""
    with _opened(db) as store:
        found = store.rigs()
        if json:
            print_json({"rigs": found, "engine": store.engine, "schema": store.schema})
            return
    for one in found:
        typer.echo(_line(one))
    if not found:
        typer.echo("no rigs yet")


@app.command()
def prune(
    *,
    db: Db,
    keep_days: Annotated[
        float, typer.Option(metavar="N", min=1.0, max=100_000.0, help="Keep what is younger.")
    ],
    json: Json = False,
) -> None:
    """Remove old hits and exposures; PostgreSQL lets go of whole months.

    The ledger of what came stays: no watermark falls, and nothing comes back.
    """
    from datetime import UTC, datetime, timedelta

    with _opened(db) as store:
        removed = store.prune(datetime.now(UTC) - timedelta(days=keep_days))
    if json:
        print_json({"removed": removed})
    else:
        typer.echo(f"{removed} rows removed")


@app.command()
def erase(
    *,
    rig: Annotated[str, typer.Argument(metavar="RIG", help="Name of the rig.")],
    db: Db,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Erase all messages of a rig; what it sends again does not come back.

    Keys and digests stay, so that the watermark stands. What it sends anew is stored.
    """
    if not yes and not sys.stdin.isatty():
        raise BadUse(f"erasing {rig} can't be undone: say --yes")
    with _opened(db) as store:
        known = [one for one in store.rigs() if one.rig == rig]
        if not known:
            raise Failed(f"no rig {rig!r} in this database; cosmic-edge server rigs lists them")
        if not yes:
            typer.confirm(f"Erase all messages of {rig}?", abort=True, err=True)
        erased = store.erase(rig)
    if json:
        print_json({"rig": rig, "erased": erased})
    else:
        typer.echo(f"{rig}: {erased} messages erased")


@contextlib.contextmanager
def _opened(db: str) -> Iterator[Store]:
    from edge.server.store import StoreUnavailableError, open_store

    store = open_store(check_database_url(db), make=False)
    try:
        yield store
    except StoreUnavailableError as error:
        raise Failed(str(error)) from None
    finally:
        store.close()


def _line(one: RigState) -> str:
    seen = f"last seen {one.seen_utc[:19]}Z" if one.seen_utc else "last seen: unknown"
    gap = f" · {one.behind_gap} behind a gap" if one.behind_gap else ""
    odd = f" · {one.quarantined} quarantined" if one.quarantined else ""
    gone = f" · {one.erased} erased" if one.erased else ""
    return f"{one.rig} {one.epoch} · safe to {one.upto} · {one.hits} hits{gap}{odd}{gone} · {seen}"
