"""``cosmic-edge server``: look after the database that `collect` fills."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli import server_backup, server_roster, watch
from edge.cli.server_shared import Db, Json, Rig, opened
from edge.cli.shared import print_json
from edge.errors import BadUse

if TYPE_CHECKING:
    from edge.server.roster import Member
    from edge.server.store import RigState

app = typer.Typer(no_args_is_help=True)
app.command("watch")(watch.command)
for command in (
    *(server_roster.add, server_roster.rename, server_roster.revoke, server_roster.readmit),
    *(server_backup.backup, server_backup.restore, server_backup.reconcile),
):
    app.command()(command)


@app.command()
def rigs(*, db: Db, json: Json = False) -> None:
    """List rigs: how far their messages are safe, what is stored, when the last one came."""
    from edge.server.roster import members

    with opened(db) as store:
        found = store.rigs()
        roster = {one.rig: one for one in store.transact(members)}
        if json:
            fleet = list(roster.values())
            print_json(
                {"rigs": found, "fleet": fleet, "engine": store.engine, "schema": store.schema}
            )
            return
    for one in found:
        typer.echo(_line(one, roster.get(one.rig)))
    silent = [one for rig, one in roster.items() if rig not in {state.rig for state in found}]
    for member in silent:
        typer.echo(f"{_called(member.rig, member)} · nothing yet{_revoked(member)}")
    if not found and not silent:
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

    with opened(db) as store:
        removed = store.prune(datetime.now(UTC) - timedelta(days=keep_days))
    if json:
        print_json({"removed": removed})
    else:
        typer.echo(f"{removed} rows removed")


@app.command()
def erase(
    *,
    rig: Rig,
    db: Db,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Erase all messages of a rig; what it sends again does not come back.

    Keys and digests stay, so that the watermark stands. What it sends anew is stored.
    """
    from edge.server.roster import known

    if not yes and not sys.stdin.isatty():
        raise BadUse(f"erasing {rig} can't be undone: say --yes")
    with opened(db) as store:
        keys = store.transact(lambda ask: known(ask, rig))
        if not yes:
            typer.confirm(f"Erase all messages of {', '.join(keys)}?", abort=True, err=True)
        erased = sum(store.erase(key) for key in keys)
    if json:
        print_json({"rig": rig, "rigs": keys, "erased": erased})
    else:
        typer.echo(f"{', '.join(keys)}: {erased} messages erased")


def _line(one: RigState, member: Member | None) -> str:
    seen = f"last seen {one.seen_utc[:19]}Z" if one.seen_utc else "last seen: unknown"
    gap = f" · {one.behind_gap} behind a gap" if one.behind_gap else ""
    odd = f" · {one.quarantined} quarantined" if one.quarantined else ""
    gone = f" · {one.erased} erased" if one.erased else ""
    lost = f" · {one.let_go} let go elsewhere" if one.let_go else ""
    who = f"{_called(one.rig, member)} {one.epoch}"
    rest = f"{gap}{odd}{gone}{lost}{_revoked(member)}"
    return f"{who} · safe to {one.upto} · {one.hits} hits{rest} · {seen}"


def _called(rig: str, member: Member | None) -> str:
    return rig if member is None or member.name == rig else f"{rig} ({member.name})"


def _revoked(member: Member | None) -> str:
    if member is None or member.revoked_utc is None:
        return ""
    return f" · revoked {member.revoked_utc[:10]}"
