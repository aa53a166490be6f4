"""What the outbox knows of itself: one row, written in each of its transactions."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from edge.delivery.database import DamagedFile
from edge.delivery.seal import seal

_RESERVED, _DOUBTFUL = "reserved", "doubtful"
"""Kept among the counters: the row has no columns of their own."""


@dataclass(slots=True)
class State:
    """The row `state`.

    Attributes
    ----------
    rig, epoch : str
        Who writes, and in which outbox: 16 random hex digits.
    session : int
        Rises with every start.
    next_seq : int
        What the next message gets.
    floor : int
        Lowest seq owed; `next_seq` where nothing is.
    upto : int
        The server's watermark, as far as heard.
    reserved : int
        Highest seq that may have been published, written down ahead (`edge.delivery.freezing`).
    doubtful : int
        What lies at or below it may have been published although nothing says so.
    counters : Counter
        Sums that live as long as the file; committed = acknowledged + lost + owed.
    """

    rig: str
    epoch: str
    session: int
    next_seq: int = 1
    floor: int = 1
    upto: int = 0
    reserved: int = 0
    doubtful: int = 0
    counters: Counter[str] = field(default_factory=Counter)

    @classmethod
    def new(cls, rig: str) -> Self:
        """Begin an outbox.

        The session starts at the Unix time in seconds, not at 0: were the state folder lost, a
        session from 1 would lie below those the server has seen, and look like history.
        """
        return cls(rig=rig, epoch=new_epoch(), session=max(0, int(time.time())))

    @classmethod
    def load(cls, db: sqlite3.Connection) -> Self | None:
        """Read the row; None in a new file.

        Raises
        ------
        DamagedFile
            The row is there, but can't be what was written.
        """
        # All columns: a damaged file may still be of a version without the checksum.
        row = db.execute("SELECT * FROM state").fetchone()
        if row is None:
            return None
        _, rig, epoch, session, next_seq, floor, upto, _, counters, *crc32 = row
        numbers = (session, next_seq, floor, upto)
        whole = all(isinstance(number, int) and number >= 0 for number in numbers)
        whole &= crc32 in ([], [None], [seal(rig, epoch, *numbers, counters)])
        try:
            sums = Counter({str(name): int(n) for name, n in json.loads(counters).items()})
        except (ValueError, TypeError, AttributeError):
            whole = False
        if not (whole and isinstance(rig, str) and isinstance(epoch, str)):
            raise DamagedFile("its state row can't be read")
        # The first version wrote nothing down ahead.
        marks = sums.pop(_RESERVED, next_seq - 1), sums.pop(_DOUBTFUL, 0)
        return cls(rig, epoch, *numbers, *marks, sums)

    def save(self, db: sqlite3.Connection, *, clean: bool = False) -> None:
        """Write the row, `floor` brought up to date."""
        lowest = db.execute("SELECT min(seq) FROM outbox").fetchone()[0]
        self.floor = self.next_seq if lowest is None else lowest
        marks = {_RESERVED: self.reserved, _DOUBTFUL: self.doubtful}
        sums = json.dumps({**self.counters, **marks})
        row = (self.rig, self.epoch, self.session, self.next_seq, self.floor, self.upto)
        db.execute(
            "INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, int(clean), sums, seal(*row, sums)),
        )

    @property
    def owed(self) -> int:
        """Messages committed and neither acknowledged nor lost."""
        sums = self.counters
        return sums["committed"] - sums["acknowledged"] - sums["lost"]

    @property
    def owed_hits(self) -> int:
        """Hits among them."""
        sums = self.counters
        return sums["hits_made"] - sums["hits_acknowledged"] - sums["hits_lost"]

    def copy(self) -> State:
        """Copy, to be changed in a transaction that may fail."""
        return State(
            self.rig,
            self.epoch,
            self.session,
            self.next_seq,
            self.floor,
            self.upto,
            self.reserved,
            self.doubtful,
            Counter(self.counters),
        )


def new_epoch() -> str:
    """16 random hex digits."""
    return secrets.token_hex(8)
