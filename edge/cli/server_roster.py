"""``cosmic-edge server add, rename, revoke, readmit``: who belongs to the fleet."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.server_shared import Db, Json, Rig, check_name, opened
from edge.cli.shared import print_json
from edge.errors import BadUse

if TYPE_CHECKING:
    from edge.server.upkeep import Ask

Passwords = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="The broker's password_file, such as /etc/mosquitto/passwords."
    ),
]


def add(
    *,
    rig: Annotated[str, typer.Argument(metavar="RIG", help="Name it is to have.")],
    db: Db,
    passwords: Passwords = None,
    hand_over: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the rig's password goes; else RIG.password."),
    ] = None,
    renew: Annotated[
        bool, typer.Option("--renew", help="Give a rig that has a password a new one.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--print", help="Print the password too; the screen is not secret.")
    ] = False,
    json: Json = False,
) -> None:
    """Register a rig, and make it a user of the broker; one that was revoked is taken back."""
    from edge.server import roster
    from edge.server.broker_passwords import PasswordFile, new_password, write_secret

    check_name(rig)
    file = PasswordFile(passwords) if passwords is not None else None
    if file is None and (hand_over or renew or show):
        raise BadUse("--hand-over, --renew and --print go with --passwords")
    if file is not None and rig in file and not renew:
        raise BadUse(f"{rig} has a password in {passwords} already: --renew makes a new one")
    place, password = hand_over or Path(f"{rig}.password"), new_password()

    def enter(ask: Ask) -> bool:
        """In one transaction: what the broker's file refuses is not in the fleet either."""
        is_new = roster.add(ask, rig, datetime.now(UTC))
        if file is not None:
            file.let_in(rig, password)
        return is_new

    with contextlib.ExitStack() as undone, opened(db) as store:
        if file is not None:
            # First: a password that only the broker knows would let nobody in.
            write_secret(place, password)
            undone.callback(place.unlink)
        told: dict[str, object] = {"rig": rig, "new": store.transact(enter)}
        undone.pop_all()
    if file is not None:
        told |= {"password_file": place, **({"password": password} if show else {})}
    print_json(told) if json else _tell_added(rig, told)


def _tell_added(rig: str, told: dict[str, object]) -> None:
    from edge.server.broker_passwords import RELOAD

    typer.echo(f"{rig}: {'added' if told['new'] else 'is in the fleet'}")
    if "password_file" not in told:
        typer.echo(
            "Let it in at the broker, in one of two ways:\n"
            f"  a password     cosmic-edge server add {rig} --db … --passwords FILE\n"
            f"  a certificate  deploy/server/certificates.sh client {rig}"
        )
        return
    if "password" in told:
        typer.echo(f"password: {told['password']}")
    typer.echo(
        f"Its password is in {told['password_file']}, which only you can read: bring it to the "
        "rig, then delete it here.\n"
        f"Tell the broker: {RELOAD}"
    )


def rename(
    *,
    old: Annotated[str, typer.Argument(metavar="OLD", help="Key or name it has.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="What it is to be called.")],
    db: Db,
    join: Annotated[
        bool, typer.Option("--join", help="NEW is the same rig under another key.")
    ] = False,
    json: Json = False,
) -> None:
    """Call a rig by another name. Its key, topics and configuration stay as they are."""
    from edge.server import roster

    check_name(new)
    with opened(db) as store:
        keys = store.transact(lambda ask: roster.rename(ask, old, new, join=join))
    if json:
        print_json({"name": new, "rigs": keys})
        return
    typer.echo(f"{old} is called {new}; it goes on sending as {', '.join(keys)}")


def revoke(
    *,
    rig: Rig,
    db: Db,
    passwords: Passwords = None,
    json: Json = False,
) -> None:
    """Take no more messages of a rig, and lock it out of the broker.

    What it sends all the same goes to the quarantine, counted; what it sent before stays.
    """
    from edge.server import roster
    from edge.server.broker_passwords import PasswordFile

    file = PasswordFile(passwords) if passwords is not None else None
    with opened(db) as store:
        keys = store.transact(lambda ask: roster.revoke(ask, rig, datetime.now(UTC)))
    locked_out = [key for key in keys if file is not None and file.lock_out(key)]
    if json:
        print_json({"rigs": keys, "locked_out": locked_out})
        return
    typer.echo(f"{', '.join(keys)}: revoked; what it sends from now on goes to the quarantine")
    _tell_locked_out(keys, locked_out, passwords)


def _tell_locked_out(keys: tuple[str, ...], locked_out: list[str], passwords: Path | None) -> None:
    from edge.server.broker_passwords import RELOAD

    if locked_out:
        typer.echo(f"Its password is gone from {passwords}. Tell the broker: {RELOAD}")
        return
    if passwords is not None:
        typer.echo(f"It has no password in {passwords}.")
    typer.echo(
        "Lock it out of the broker, in the way it was let in:\n"
        f"  a password     cosmic-edge server revoke {keys[0]} --db … --passwords FILE\n"
        f"  a certificate  deploy/server/certificates.sh revoke {keys[0]}, then restart the "
        "broker:\n                 a reload keeps new connections out and leaves an open one alone"
    )


def readmit(*, db: Db, json: Json = False) -> None:
    """Store what lies in the quarantine and is a message after all.

    After an upgrade: what this version can read. After a rig was taken back: what it sent
    meanwhile.
    """
    with opened(db) as store:
        stored = store.readmit()
    if json:
        print_json({"stored": stored})
    else:
        typer.echo(f"{stored} messages left the quarantine and are stored")
