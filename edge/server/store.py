"""The seam between the collector and its database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from edge.errors import BadUse, Failed

if TYPE_CHECKING:
    from edge.messages import Message
    from edge.server.arrival import Arrival
    from edge.server.upkeep import Ask

_T = TypeVar("_T")
_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")


class StoreUnavailableError(Exception):
    """The database can't be written now (locked, disk full); the same batch may be tried again."""


class StoreRefusedError(StoreUnavailableError):
    """No such database, or no such login: waiting alone will not mend it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rig is told after a commit.

    Attributes
    ----------
    rig, epoch : str
        Whom it is for.
    upto : int
        The watermark of this epoch, read in the transaction that stored.
    conflict : int or None
        Lowest sequence number that came again with other content.
    held : int
        Last sequence number up to `upto` of which a message is here; 0: none.
    digest : str or None
        Its content's digest.
    """

    rig: str
    epoch: str
    upto: int
    conflict: int | None = None
    held: int = 0
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one commit did: every arrival is stored, a duplicate or quarantined.

    `conflicts` are among the quarantined, which `reasons` counts by why they are. `kept` are the
    messages that were stored.
    """

    stored: int
    duplicates: int
    quarantined: int
    conflicts: int
    answers: tuple[Answer, ...]
    kept: tuple[Message, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RigState:
    """What the server knows of one epoch of a rig.

    Attributes
    ----------
    rig, epoch : str
        Which.
    upto : int
        The watermark.
    behind_gap : int
        Messages that are there, but after a number that is missing.
    hits, quarantined, erased : int
        Messages by what became of them.
    let_go : int
        Messages that the rig let go of before this database had them: see
        `edge.server.let_go`.
    seen_utc : str or None
        When the last one came.
    """

    rig: str
    epoch: str
    upto: int
    behind_gap: int
    hits: int
    quarantined: int
    erased: int
    let_go: int
    seen_utc: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """When the last message of a rig came; of its newest epoch.

    Attributes
    ----------
    rig, epoch : str
        Which.
    seen_utc : str or None
        None: a version that did not note it stored the last one.
    """

    rig: str
    epoch: str
    seen_utc: str | None


class Store(Protocol):
    """Where messages end up, once each. Used by one thread at a time."""

    @property
    def identity(self) -> str:
        """Random name of this database, made with it: the collector's session goes with it."""

    @property
    def engine(self) -> str:
        """Program and version that keeps it, such as ``PostgreSQL 15.4``."""

    @property
    def schema(self) -> int:
        """Version of the tables."""

    def commit(self, batch: Sequence[Arrival]) -> Receipt:
        """Store a batch and compute the watermarks of its rigs in one transaction.

        Returns once everything is on disk.

        Raises
        ------
        StoreUnavailableError
            Nothing was stored; try the same batch again.
        edge.errors.Failed
            The database is damaged or gone.
        """

    def rigs(self) -> tuple[RigState, ...]:
        """Return what is known of each rig and epoch, by name."""

    def seen(self) -> tuple[Seen, ...]:
        """Return when each rig's last message came, by name; quick, however much is stored."""

    def report_interval_s(self, rig: str, epoch: str) -> float | None:
        """Return the longest span among a rig's last exposures, in s; None: it has sent none."""

    def size_bytes(self) -> int:
        """Return how much disk the database takes."""

    def prune(self, before: datetime) -> int:
        """Remove what is older, by its own time and by its arrival; return how many rows.

        Hits, exposures and the quarantine; the ledger stays, so that no watermark falls and
        nothing comes back. What is dated in a time to come, by a clock that is wrong, is as old as
        its arrival. PostgreSQL lets go of whole months. It is done in many transactions: what
        an error leaves is for the next time.
        """

    def erase(self, rig: str) -> int:
        """Remove all messages of a rig, and what of it lies in the quarantine.

        Keys and digests stay, marked ``erased``: what is sent again is a duplicate and does not
        come back, and the watermark stands. What the rig sends anew is stored.

        Returns
        -------
        int
            Number of messages erased.
        """

    def readmit(self) -> int:
        """Store what lies in the quarantine and is a message after all; return how many.

        See `edge.server.readmit`.
        """

    def transact(self, work: Callable[[Ask], _T]) -> _T:
        """Let `work` ask in one transaction, which ends with it.

        Raises
        ------
        StoreUnavailableError, edge.errors.Failed
            Nothing was changed.
        """

    def give_up(self) -> None:
        """Let whoever waits for the database wait no longer; from any thread."""

    def close(self) -> None:
        """Give the database back; idempotent."""


def open_store(url: str, *, make: bool = True) -> Store:
    """Open or make the database at `url`.

    Parameters
    ----------
    url : str
        ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or a plain path;
        ``postgresql://user@host:port/name``, with what else libpq takes in such a URL.
    make : bool
        Make what is missing; False: it must be a collector's database already.

    Raises
    ------
    edge.errors.BadUse
        No database of this kind.
    ModuleNotFoundError
        PostgreSQL without psycopg, which the extra ``server`` installs.
    edge.errors.Failed
        It can't be opened, is damaged, is no collector's database or was made by a newer version.
    """
    try:
        return try_store(url, make=make)
    except StoreUnavailableError as error:
        raise Failed(str(error)) from None


def try_store(url: str, *, make: bool = True) -> Store:
    """Do what `open_store` does, and tell a database that is away from one that is wrong.

    Raises
    ------
    StoreUnavailableError
        Nobody answers, or not now: worth another try.
    edge.errors.BadUse, ModuleNotFoundError, edge.errors.Failed
        As `open_store`.
    """
    if is_postgres(url):
        from edge.server.postgres_store import PostgresStore

        return PostgresStore(url, make=make)
    from edge.server.sqlite_store import SqliteStore

    return SqliteStore(sqlite_path(url), make=make)


def is_postgres(url: str) -> bool:
    """Whether a database's URL names one of PostgreSQL."""
    return url.startswith(_POSTGRES)


def sqlite_path(url: str) -> Path:
    """Return which file a database's URL names.

    Raises
    ------
    edge.errors.BadUse
        It names none.
    """
    if url.startswith(_SQLITE) and url != _SQLITE:
        return Path(url.removeprefix(_SQLITE))
    if not url or "://" in url or url.startswith("sqlite:"):
        # Not as it stands: there may be a password in it.
        kind = url.partition(":")[0]
        raise BadUse(
            f"database {kind!r}: give sqlite:///path, a plain path or postgresql://user@host/name"
        )
    return Path(url)
