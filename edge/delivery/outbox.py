"""The outbox: what was made is on disk before it is sent, and stays until the server has it.

One SQLite file in the state folder. A message's key is (rig, epoch, seq); seq counts from 1 in an
epoch, without gaps. It is frozen when first published and leaves when the server's watermark has
passed it. Hits stay in the archive after that.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from edge.delivery import freezing, rows
from edge.delivery.age import rekey_marks
from edge.delivery.database import FILE_NAME, OutboxFull
from edge.delivery.dating import Dating
from edge.delivery.folder import FolderLock
from edge.delivery.freezing import Held, Outgoing
from edge.delivery.limits import Limits
from edge.delivery.losses import give_up, tell_again
from edge.delivery.ranks import owed_by_kind
from edge.delivery.refused import put_aside
from edge.delivery.seal import owed_row
from edge.delivery.shrink import give_back
from edge.delivery.state import State
from edge.delivery.store import Store
from edge.detection import Draft
from edge.messages import encode

__all__ = ["KEEP", "Keep", "Outbox", "OutboxCounts", "OutboxFull", "Outgoing"]

DEFAULT_MAX_BYTES = 1_000_000_000
DEFAULT_MAX_DAYS = 1000
DEFAULT_ARCHIVE_ROWS = 100_000


class Keep(Enum):
    """Says that the open exposure's checkpoint stays as it is."""

    KEEP = "keep"


KEEP = Keep.KEEP
Checkpoint = Mapping[str, Any] | None | Keep


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """How the outbox stands.

    Attributes
    ----------
    owed : dict of str to int
        Messages not yet let go, by kind.
    hits_made, hits_acknowledged, hits_lost : int
        Since this start.
    totals : dict of str to int
        Since the file began: committed = acknowledged + lost + owed; also hits_*, rekeyed,
        new_epochs, refused, aside_dropped (refused, and no longer kept), damaged_files,
        pictures_dropped.
    """

    owed: dict[str, int]
    hits_made: int
    hits_acknowledged: int
    hits_lost: int
    totals: dict[str, int]

    @property
    def owed_total(self) -> int:
        """Messages of all kinds not yet let go."""
        return sum(self.owed.values())


class Outbox:
    """Durable queue between the loop and the uplink; safe to use from several threads.

    Made by `Outbox.open`. Methods that write raise `OutboxFull` where the disk takes nothing now:
    nothing has changed then, and the call can be repeated.
    """

    def __init__(self, store: Store, lock: FolderLock, limits: Limits) -> None:
        self._store = store
        self._folder_lock = lock
        self._limits = limits
        self._before = Counter(store.state.counters)
        checkpoint = store.read(lambda db: db.execute("SELECT body FROM checkpoint").fetchone())
        self._interrupted = None if checkpoint is None else _object(checkpoint[0])
        self._dating: Dating | None = None
        self._waits_for_clock = False

    @classmethod
    def open(
        cls,
        state_dir: Path,
        rig: str,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_days: int = DEFAULT_MAX_DAYS,
        archive_rows: int = DEFAULT_ARCHIVE_ROWS,
    ) -> Outbox:
        """Open or create the outbox of a rig in its state folder, and begin a session.

        A damaged file is set aside as ``rig.sqlite.damaged-<n>``; what can be read of it goes on
        in a new epoch.

        Parameters
        ----------
        state_dir : Path
            Made if missing; held by this process alone until `close`.
        rig : str
            Name of the rig, ``[a-z0-9-]{1,64}``.
        max_bytes : int
            Cap of the file; what goes beyond it is said in `edge.delivery.room.make_room`.
        max_days : int
            Age at which what nobody took is dropped and declared lost, and what was set aside
            goes (`edge.delivery.age`).
        archive_rows : int
            Hits kept after they were acknowledged.

        Raises
        ------
        edge.errors.Failed
            The folder is in use or can't be written, the disk is full, or the file is of a newer
            version.
        edge.errors.BadUse
            The folder belongs to another rig.
        """
        lock = FolderLock(state_dir)
        try:
            store = Store(state_dir / FILE_NAME, rig, archive_rows)
            store.read(lambda db: give_back(db, max_bytes))
            return cls(store, lock, Limits(max_bytes, max_days, archive_rows))
        except BaseException:
            lock.release()
            raise

    @property
    def path(self) -> Path:
        """The file."""
        return self._store.path

    # -- what the loop does -------------------------------------------------------------------

    def commit(self, drafts: Sequence[Draft], checkpoint: Checkpoint = KEEP) -> list[int]:
        """Store messages in one transaction; they are on the disk when this returns.

        Parameters
        ----------
        drafts : sequence of Draft
            In order; their seqs follow each other.
        checkpoint : Mapping, None or KEEP
            State of the open exposure, stored with them; None clears it.

        Returns
        -------
        list of int
            Their seqs.

        Raises
        ------
        OutboxFull
            Nothing was stored; try again.
        edge.messages.MessageError
            A body can't be written as JSON; nothing was stored.
        """
        day = self._dating.today() if self._dating is not None else None

        def work(db: sqlite3.Connection, state: State) -> list[int]:
            self._limits.keep(db, state, drafts, day)
            seqs = [rows.insert(db, state, draft) for draft in drafts]
            if checkpoint is None:
                db.execute("DELETE FROM checkpoint")
            elif checkpoint is not KEEP:
                text = encode(checkpoint).decode("utf-8")
                db.execute("INSERT OR REPLACE INTO checkpoint VALUES (1, ?)", (text,))
            return seqs

        seqs = self._store.write(work)
        if checkpoint is not KEEP:
            self._interrupted = None
        return seqs

    def interrupted(self) -> dict[str, Any] | None:
        """Return the checkpoint an earlier session left open, until a commit replaces it."""
        return self._interrupted

    # -- what the uplink does -----------------------------------------------------------------

    def date_by(self, dating: Dating) -> None:
        """Keep back, and date, what was made before the clock was known."""
        self._dating = dating

    @property
    def waits_for_clock(self) -> bool:
        """Whether the last look at what is pending ended at a message that waits for the clock."""
        waits = self._waits_for_clock and self._dating is not None
        return waits and not self._dating.is_known()  # type: ignore[union-attr]

    def pending(self, after_seq: int, limit: int) -> list[tuple[int, str]]:
        """Seq and kind of owed messages above `after_seq`, lowest first.

        It ends before the first one that waits for the clock: messages leave in their order.
        """
        dating = self._dating

        def work(db: sqlite3.Connection) -> list[tuple[int, str]]:
            found = db.execute(
                "SELECT seq, kind, floor FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?",
                (after_seq, limit),
            ).fetchall()
            free = len(found)
            if dating is not None and found and not dating.is_known():
                free = freezing.free_of_waiting(db, found, self.epoch, dating)
            self._waits_for_clock = free < len(found)
            return [(seq, kind) for seq, kind, _ in found[:free]]

        return self._store.read(work)

    def freeze(self, epoch: str, seqs: Sequence[int]) -> list[Outgoing]:
        """Compose owed messages for the wire, frozen from their first time on.

        What is no longer owed is left out, as is everything if the epoch is over.
        """

        def work(db: sqlite3.Connection, state: State) -> list[Outgoing]:
            if state.epoch != epoch:
                return []
            freezing.reserve(state, seqs)
            return freezing.freeze(db, state, seqs, self._dating)

        before = freezing.rewritten(self._store.state)
        ahead = max(seqs, default=0) > self._store.state.reserved
        frozen = self._store.write(work, durable=ahead)
        if freezing.rewritten(self._store.state) > before and not ahead:
            # What left with a date must not come back from a power cut without.
            self._store.write(lambda db, state: None)
        return frozen

    def acknowledge(
        self, epoch: str, upto: int | None, conflict: int | None = None, held: Held | None = None
    ) -> bool:
        """Take the server's word: let go of what was published up to the watermark.

        Nothing is where another history of this rig (a restored or cloned card) wrote those seqs;
        what was never published stays, and publishing will show whose it is.

        Parameters
        ----------
        epoch : str
            Another epoch than the present one is ignored.
        upto, conflict : int or None
            Watermark; seq the server holds with other content.
        held : Held, optional
            Last seq up to `upto` of which the server holds a message (0: none), and its digest.

        Returns
        -------
        bool
            True where a new epoch began: `upto` reaches seqs that were never given out, `held` is
            another's, or there is a conflict. All that was owed has new keys.
        """
        with self._store.mutex:
            state = self._store.state
            if epoch != state.epoch:
                return False
            new_epoch = conflict is not None or (upto or 0) >= state.next_seq
            if not new_epoch and (upto is None or upto < state.floor):
                return False
            if held is not None and not new_epoch:
                new_epoch = self._store.read(lambda db: freezing.is_another(db, state, *held))

            def work(db: sqlite3.Connection, state: State) -> bool:
                if state.epoch != epoch:
                    return False
                if new_epoch:
                    rekey_marks(db, rows.begin_epoch(db, state))
                elif upto is not None:
                    rows.acknowledge(db, state, "seq <= ? AND floor IS NOT NULL", (upto,))
                    state.upto = max(state.upto, upto)
                return new_epoch

            # A power cut may bring back what was let go: the server knows it for a duplicate.
            return self._store.write(work, durable=new_epoch)

    def broker_ack(self, epoch: str, seqs: Sequence[int]) -> None:
        """Let go of single messages, where the broker's word is enough (``ack = "broker"``)."""

        def work(db: sqlite3.Connection, state: State) -> None:
            if state.epoch == epoch:
                for seq in seqs:
                    rows.acknowledge(db, state, "seq = ?", (seq,))

        self._store.write(work, durable=False)

    def refuse(self, epoch: str, seq: int, why: str) -> bool:
        """Set a message aside that the broker will not take, and declare it lost."""

        def work(db: sqlite3.Connection, state: State) -> bool:
            row = owed_row(db, epoch, seq) if state.epoch == epoch else None
            if row is None:
                return False
            put_aside(db, state, seq, row, why)
            message = rows.read_message(seq, row.text)
            give_up(db, state, "refused", [(seq, row.kind)], message["origin"])
            tell_again(db, state, message)
            return True

        return self._store.write(work)

    # -- what both ask ------------------------------------------------------------------------

    @property
    def rig(self) -> str:
        """Name of the rig."""
        return self._store.state.rig

    @property
    def epoch(self) -> str:
        """Present epoch; changes when a new one begins."""
        return self._store.state.epoch

    @property
    def session(self) -> int:
        """Number of this session; higher than every earlier one of the rig."""
        return self._store.state.session

    @property
    def floor(self) -> int:
        """Lowest seq owed; the next seq where nothing is."""
        return self._store.state.floor

    @property
    def is_empty(self) -> bool:
        """Whether nothing is owed."""
        state = self._store.state
        return state.floor >= state.next_seq

    @property
    def hits_acknowledged(self) -> int:
        """Hits let go since this start."""
        return self._store.state.counters["hits_acknowledged"] - self._before["hits_acknowledged"]

    @property
    def owed(self) -> int:
        """Messages of all kinds not yet let go; does not wait for a commit that is under way."""
        return self._store.state.owed

    @property
    def given_up(self) -> dict[str, int]:
        """Messages lost and pictures dropped since the file began; waits for nothing."""
        sums = self._store.state.counters
        return {name: sums[name] for name in ("lost", "pictures_dropped")}

    def counts(self) -> OutboxCounts:
        """How the outbox stands now; waits for a commit that is under way."""
        owed = self._store.read(owed_by_kind)
        sums = self._store.state.counters
        return OutboxCounts(
            owed=owed,
            hits_made=sums["hits_made"] - self._before["hits_made"],
            hits_acknowledged=self.hits_acknowledged,
            hits_lost=sums["hits_lost"] - self._before["hits_lost"],
            totals=dict(sums),
        )

    def close(self) -> None:
        """Close in order; idempotent."""
        self._store.close()
        self._folder_lock.release()


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:  # from a damaged file
        return None
    return value if isinstance(value, dict) else None
