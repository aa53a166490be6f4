"""What the commands of ``cosmic-edge server`` share."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.shared import check_database_url
from edge.errors import BadUse, Failed

if TYPE_CHECKING:
    from edge.server.store import Store

Db = Annotated[
    str,
    typer.Option(
        "--db",
        metavar="URL",
        callback=check_database_url,
        help="The database, as `cosmic-edge collect` has it.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Rig = Annotated[str, typer.Argument(metavar="RIG", help="Key or name of the rig.")]

# The broker lets the users of these names read every rig, and the first speak for the server.
_RESERVED = frozenset({"collector", "watch"})
# A rig's session bears its name.
_SESSIONS = "cosmic-edge-collect-"


@contextlib.contextmanager
def opened(db: str) -> Iterator[Store]:
    """A collector's database that is there; what it can't do now is a failure."""
    from edge.server.store import StoreUnavailableError, open_store

    store = open_store(db, make=False)
    try:
        yield store
    except StoreUnavailableError as error:
        raise Failed(str(error)) from None
    finally:
        store.close()


def check_name(name: str) -> str:
    """Return a name a rig can have.

    Raises
    ------
    BadUse
        It is none.
    """
    from edge.messages.fields import RIG_PATTERN

    if re.fullmatch(RIG_PATTERN, name) is None:
        raise BadUse(f"{name!r} is no rig's name: a-z, 0-9 and -, at most 64")
    if name in _RESERVED:
        raise BadUse(f"{name!r} is the server's own user at the broker: take another name")
    if name.startswith(_SESSIONS):
        raise BadUse(f"{name!r} is called as collectors' sessions are: take another name")
    return name
