"""Watches over the rigs of a server: who has gone silent, told once, and who is back."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.messages import Status
from edge.server.alarms import Alarms, Change
from edge.server.presence import Limits, Presence, judge
from edge.server.roster import members
from edge.server.store import Seen, Store, StoreUnavailableError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Disk:
    """Room where something lies, in bytes."""

    size_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Look:
    """What one look has found.

    Attributes
    ----------
    at_s : float
        Unix time; 0: none has come about yet.
    rigs : tuple of Presence
        How every rig stands, by name.
    database_bytes : int or None
        Disk that the database takes.
    disks : dict of str to Disk
        Room at each path that was asked about.
    """

    at_s: float = 0.0
    rigs: tuple[Presence, ...] = ()
    database_bytes: int | None = None
    disks: dict[str, Disk] = field(default_factory=dict)

    @property
    def silent(self) -> tuple[Presence, ...]:
        """Rigs that somebody should look at."""
        return tuple(one for one in self.rigs if one.alarming)


class Watch:
    """Looks, tells what is new, and remembers that it did; used by one thread.

    Parameters
    ----------
    store : Store
        The collector's database.
    limits : Limits
        When quiet becomes silence.
    alarms : Alarms
        What was told before.
    tell : callable
        Called with what is new, if anything is, and with the look that found it.
    statuses : callable
        The newest status of each rig.
    disks : sequence of Path
        Where room is to be looked at.
    clock : callable
        Unix time, in s.
    """

    def __init__(
        self,
        store: Store,
        limits: Limits,
        alarms: Alarms,
        tell: Callable[[Change, Look], None],
        *,
        statuses: Callable[[], dict[str, Status]] = dict,
        disks: Sequence[Path] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._limits = limits
        self._alarms = alarms
        self._tell = tell
        self._statuses = statuses
        self._disks = disks
        self._clock = clock
        self.last = Look()
        """The newest look that came about; from any thread."""
        self.ailment = ""
        """Why the last look did not come about; from any thread."""
        self.raised = self.cleared = 0

    def look(self, *, aloud: bool = True) -> Look | None:
        """Look once; None while the database can't be read: nothing is raised or cleared then.

        Parameters
        ----------
        aloud : bool
            Whether the log is told why; it is in `ailment` anyway.
        """
        try:
            look = self._look()
        except StoreUnavailableError as error:
            if aloud and not self.ailment:
                _log.warning("%s", error)
            self.ailment = str(error)
            return None
        self.ailment, self.last = "", look
        change = self._alarms.compare(look.rigs)
        if change.raised or change.cleared:
            self._tell(change, look)
            self._alarms.note(change)
            self.raised += len(change.raised)
            self.cleared += len(change.cleared)
        return look

    def _look(self) -> Look:
        now_s = self._clock()
        limits = replace(self._limits, ignored=self._limits.ignored | self._revoked())
        rigs = judge(self._store.seen(), self._statuses(), self._interval_s, limits, now_s)
        return Look(now_s, rigs, self._store.size_bytes(), _room(self._disks))

    def _revoked(self) -> frozenset[str]:
        """Rigs that are shut out: their silence is meant."""
        known = self._store.transact(members)
        return frozenset(one.rig for one in known if one.revoked_utc is not None)

    def _interval_s(self, one: Seen) -> float | None:
        return self._store.report_interval_s(one.rig, one.epoch)


def _room(paths: Sequence[Path]) -> dict[str, Disk]:
    found: dict[str, Disk] = {}
    for path in paths:
        try:
            room = os.statvfs(path)
        except OSError as error:
            _log.warning("%s: %s", path, error.strerror)
            continue
        found[str(path)] = Disk(room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize)
    return found
