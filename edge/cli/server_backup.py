"""``cosmic-edge server backup, restore, reconcile``: the database as a file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.server_shared import Db, Json, opened
from edge.cli.shared import print_json

if TYPE_CHECKING:
    from edge.server.reconcile import Behind

File = Annotated[Path, typer.Argument(metavar="FILE")]


def backup(*, file: File, db: Db, json: Json = False) -> None:
    """Write the database to a new file while collectors store."""
    from edge.server.backup import back_up

    made = back_up(db, file)
    if json:
        print_json(made)
    else:
        typer.echo(f"{made.path}: {made.size_bytes / 1e6:.1f} MB, schema {made.schema}")


def restore(
    *,
    file: File,
    db: Db,
    broker: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Compare with what rigs were told: see reconcile."),
    ] = None,
    json: Json = False,
) -> None:
    """Bring a backup into an empty place: a new SQLite file, or what createdb made.

    Stop the collectors first, and start them on the restored database afterwards.
    """
    from edge.delivery.address import BrokerAddress
    from edge.server.backup import restore as bring_back
    from edge.server.reconcile import reconcile as compare
    from edge.server.reconcile import told_to_rigs

    # Before anything is written: a broker that is away should not leave half the work done.
    told = None if broker is None else told_to_rigs(BrokerAddress.parse(broker))
    bring_back(db, file)
    with opened(db) as store:
        behind = () if told is None else compare(store, told)
        rigs = store.rigs()
    if json:
        print_json({"rigs": rigs, "behind": behind})
        return
    hits = sum(one.hits for one in rigs)
    typer.echo(f"restored {file}: {len({one.rig for one in rigs})} rigs, {hits} hits")
    if told is None:
        typer.echo("Now compare with what rigs were told: cosmic-edge server reconcile --broker …")
    else:
        _tell_behind(behind)


def reconcile(
    *,
    db: Db,
    broker: Annotated[str, typer.Option(metavar="URL", help="As for collect.")],
    json: Json = False,
) -> None:
    """Declare lost what rigs were told is safe and this database has not got.

    So every number is accounted for after an older database was restored. Collectors may run.
    """
    from edge.delivery.address import BrokerAddress
    from edge.server.reconcile import reconcile as compare
    from edge.server.reconcile import told_to_rigs

    told = told_to_rigs(BrokerAddress.parse(broker))
    with opened(db) as store:
        behind = compare(store, told)
    if json:
        print_json({"rigs_told": len(told), "behind": behind})
    else:
        _tell_behind(behind)


def _tell_behind(behind: tuple[Behind, ...]) -> None:
    if not behind:
        typer.echo("No rig was told more than this database holds.")
    for one in behind:
        typer.echo(
            f"{one.rig} {one.epoch}: safe to {one.had} here, {one.told} told to the rig; "
            f"{one.missing} messages are declared lost"
        )
    if any(one.missing for one in behind):
        typer.echo("They may still lie in the rig's archive; on the rig: cosmic-edge hits resend")
