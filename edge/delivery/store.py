"""The outbox's file and its state row, in step: transactions, and what happens when one fails."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from edge.delivery.database import (
    DamagedFile,
    OutboxFull,
    committing,
    open_database,
    translate,
    was_closed,
)
from edge.delivery.salvage import (
    Salvaged,
    bring_in,
    companions,
    copy_archive,
    reading,
    set_aside,
)
from edge.delivery.state import State
from edge.errors import BadUse, Failed

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")


class Store:
    """One connection, one transaction at a time, from any thread.

    Parameters
    ----------
    path : Path
        The file.
    rig : str
        Whose it is.
    archive_rows : int
        How much of a damaged file's archive is copied.

    Attributes
    ----------
    state : State
        As last committed; never changed in place.
    mutex : RLock
        Held during each transaction.

    Raises
    ------
    edge.errors.Failed, edge.errors.BadUse
        See `Outbox.open`.
    """

    def __init__(self, path: Path, rig: str, archive_rows: int) -> None:
        self.path = path
        self.mutex = threading.RLock()
        self._rig = rig
        self._archive_rows = archive_rows
        self._open = False
        self._closed = False
        try:
            self._start()
        except OutboxFull as error:
            raise Failed(f"{error}; free the disk, or choose another with --state-dir") from None
        except OSError as error:
            raise Failed(f"{path} can't be replaced: {error.strerror}") from None

    def _start(self) -> None:
        try:
            self._connect()
            self._begin_session()
        except DamagedFile as damage:
            self._replace(damage, None)
        except BaseException:
            self._drop_connection()
            raise

    def _connect(self, *, check: bool = True) -> None:
        if not self.path.exists() and self._successor.exists():
            os.replace(self._successor, self.path)  # interrupted while changing places
        self._db = open_database(self.path, check=check)
        self._open = True
        state = self._translated(State.load)
        if state is not None:
            self.state = state

    def _begin_session(self) -> None:
        def begin(db: sqlite3.Connection) -> State:
            state = State.load(db) or State.new(self._rig)
            if not was_closed(db):
                state.doubtful = min(state.reserved, state.next_seq - 1)
            if state.rig != self._rig:
                raise BadUse(
                    f"state folder {self.path.parent} belongs to rig {state.rig!r}, not "
                    f"{self._rig!r}; use that name, or another --state-dir"
                )
            state.session += 1
            state.save(db)
            return state

        self.state = self._transaction(begin)

    def write(self, work: Callable[[sqlite3.Connection, State], _T], *, durable: bool = True) -> _T:
        """Run `work` in a transaction; it may change the state it is given.

        On damage the file is replaced and `work` runs again, in the new epoch. What is not
        `durable` is safe from a kill at once, and from a power cut when the next that is has
        returned: then all before it is on the disk too.

        Raises
        ------
        OutboxFull
            Nothing was changed.
        """
        with self.mutex:
            try:
                self._ready()
                with self._syncing(durable):
                    return self._write(work)
            except DamagedFile as damage:
                self._replace_live(damage)
                return self._write(work)

    @contextmanager
    def _syncing(self, durable: bool) -> Iterator[None]:
        if durable:
            yield
            return
        with suppress(sqlite3.Error):  # then it is durable after all
            self._db.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            try:
                self._db.execute("PRAGMA synchronous = FULL")
            except sqlite3.Error:
                self._drop_connection()  # a new one begins with FULL

    def read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run `work`, which changes nothing."""
        with self.mutex:
            try:
                self._ready()
                return self._translated(work)
            except DamagedFile as damage:
                self._replace_live(damage)
                return self._translated(work)

    def close(self) -> None:
        """Close in order, so that the next start need not check the file; idempotent."""
        with self.mutex:
            if self._closed:
                return
            self._closed = True
            if self._open:
                with suppress(OutboxFull, DamagedFile):  # then the next start checks the file
                    self._transaction(lambda db: self.state.save(db, clean=True))
            self._drop_connection()

    def _ready(self) -> None:
        if self._closed:
            raise RuntimeError(f"outbox {self.path} is closed")
        if not self._open:  # a replacement found no room
            self._connect(check=False)

    def _write(self, work: Callable[[sqlite3.Connection, State], _T]) -> _T:
        state = self.state.copy()

        def run(db: sqlite3.Connection) -> _T:
            result = work(db, state)
            state.save(db)
            return result

        result = self._transaction(run)
        self.state = state
        return result

    def _transaction(self, run: Callable[[sqlite3.Connection], _T]) -> _T:
        def guarded(db: sqlite3.Connection) -> _T:
            with committing(db):
                return run(db)

        return self._translated(guarded)

    def _translated(self, run: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return run(self._db)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise translate(error, self.path) from error

    def _replace_live(self, damage: DamagedFile) -> None:
        try:
            self._replace(damage, self.state)
        except OSError as error:
            raise OutboxFull(f"{self.path} can't be replaced: {error.strerror}") from None

    def _replace(self, damage: DamagedFile, known: State | None) -> None:
        """Make a new file of what the damaged one still holds, then let them change places.

        A crash on the way finds either the damaged file in its place, or the new one complete.
        """
        self._drop_connection()
        with reading(self.path, known) as found:
            self._fill_successor(found)
        aside = set_aside(self.path)
        os.replace(self._successor, self.path)
        _LOG.error(
            "outbox %s is damaged (%s): set aside as %s, %d owed messages saved; new epoch",
            self.path, damage, aside.name, found.saved,
        )  # fmt: skip
        self._connect(check=False)

    def _fill_successor(self, found: Salvaged) -> None:
        for companion in companions(self._successor):
            companion.unlink(missing_ok=True)
        state = State.new(self._rig)
        with closing(open_database(self._successor)) as db:
            try:
                bring_in(db, state, found)
                state.session += 1
                state.save(db)
            except sqlite3.Error as error:
                raise translate(error, self.path) from error
            copy_archive(self.path, db, self._archive_rows)

    @property
    def _successor(self) -> Path:
        return self.path.with_name(f"{self.path.name}.new")

    def _drop_connection(self) -> None:
        if self._open:
            self._open = False
            self._db.close()
