"""A store whose commits are counted and timed; the collector does not know."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from edge.server.arrival import Arrival
from edge.server.store import Receipt, RigState, Seen, Store
from edge.server.tally import Tally


class MeasuredStore:
    """Hands everything on to another store, and tells a tally of each commit that returned.

    Parameters
    ----------
    store : Store
        The real one.
    tally : Tally
        Told of the commits.
    """

    def __init__(self, store: Store, tally: Tally) -> None:
        self._store = store
        self._tally = tally

    @property
    def identity(self) -> str:
        """Random name of this database, made with it."""
        return self._store.identity

    @property
    def engine(self) -> str:
        """Program and version that keeps it."""
        return self._store.engine

    @property
    def schema(self) -> int:
        """Version of the tables."""
        return self._store.schema

    def commit(self, batch: Sequence[Arrival]) -> Receipt:
        """Store a batch; see `edge.server.store.Store.commit`."""
        began = time.perf_counter()
        receipt = self._store.commit(batch)
        self._tally.note(receipt, time.perf_counter() - began, time.time())
        return receipt

    def watermark(self, rig: str, epoch: str) -> int:
        """Return how far everything of this epoch is safe."""
        return self._store.watermark(rig, epoch)

    def rigs(self) -> tuple[RigState, ...]:
        """Return what is known of each rig and epoch."""
        return self._store.rigs()

    def seen(self) -> tuple[Seen, ...]:
        """Return when each rig's last message came."""
        return self._store.seen()

    def report_interval_s(self, rig: str, epoch: str) -> float | None:
        """Return the longest span among a rig's last exposures."""
        return self._store.report_interval_s(rig, epoch)

    def size_bytes(self) -> int:
        """Return how much disk the database takes."""
        return self._store.size_bytes()

    def prune(self, before: datetime) -> int:
        """Remove what is older."""
        return self._store.prune(before)

    def erase(self, rig: str) -> int:
        """Remove all messages of a rig."""
        return self._store.erase(rig)

    def close(self) -> None:
        """Give the database back."""
        self._store.close()
