"""What a collector's commits add up to, for those who watch a server: one consistent look."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from edge.messages import ExposureMessage, HitMessage, LostMessage, Message
from edge.messages.exposure import DEAD_TIME_CAUSES
from edge.messages.utc import parse_utc_ns
from edge.metrics.families import Histogram
from edge.server.store import Receipt

MAX_RIGS = 100_000
_NS = 1_000_000_000
_T = TypeVar("_T")


class Tally:
    """Sums over commits; written by the thread that stores, read by any.

    Only what a commit stored counts for hits and time: what is sent twice counts once, whatever
    process had it first.

    Parameters
    ----------
    named_rigs : int
        Rigs whose last message is told by name: the first so many that come. A series for each of
        a thousand rigs, in each collector, is nothing to keep by default.
    """

    def __init__(self, named_rigs: int = 100) -> None:
        self._lock = threading.Lock()
        self._named_rigs = named_rigs
        self.received = self.duplicates = self.conflicts = 0
        self.stored: Counter[str] = Counter()
        self.quarantined: Counter[str] = Counter()
        self.hits: Counter[tuple[str, ...]] = Counter()
        self.exposures: Counter[str] = Counter()
        self.live_ns: Counter[str] = Counter()
        self.dead_ns: Counter[tuple[str, ...]] = Counter()
        self.declared_lost: Counter[str] = Counter()
        self.commit_s = Histogram(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)
        self.batch_messages = Histogram(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000)
        self.lag_s = Histogram(0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400, 604_800)
        self.uncertainty_s = Histogram(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 10)
        self.seen_s: dict[str, float] = {}
        self.last_seen_s: dict[str, float] = {}

    def note(self, receipt: Receipt, seconds: float, now_s: float | None = None) -> None:
        """Add a commit.

        Parameters
        ----------
        receipt : Receipt
            What it did.
        seconds : float
            How long it took.
        now_s : float, optional
            Unix time at which it returned; None: now.
        """
        now_s = time.time() if now_s is None else now_s
        settled = receipt.stored + receipt.duplicates + receipt.quarantined
        with self._lock:
            self.received += settled
            self.duplicates += receipt.duplicates
            self.conflicts += receipt.conflicts
            self.quarantined.update(receipt.reasons)
            self.commit_s.add(seconds)
            self.batch_messages.add(settled)
            self._meet({answer.rig for answer in receipt.answers}, now_s)
            for message in receipt.kept:
                self._add(message, now_s)

    def look(self, read: Callable[[Tally], _T]) -> _T:
        """Read all of it between two commits."""
        with self._lock:
            return read(self)

    @property
    def unnamed_rigs(self) -> int:
        """Rigs whose last message is not told by name."""
        return len(self.seen_s) - len(self.last_seen_s)

    def _meet(self, rigs: set[str], now_s: float) -> None:
        for rig in rigs:
            # A broker without access rules may be told any name.
            if rig in self.seen_s or len(self.seen_s) < MAX_RIGS:
                self.seen_s[rig] = now_s
            if rig in self.last_seen_s or len(self.last_seen_s) < self._named_rigs:
                self.last_seen_s[rig] = now_s

    def _add(self, message: Message, now_s: float) -> None:
        self.stored[message.kind] += 1
        if isinstance(message, HitMessage):
            self.hits[message.origin, message.class_] += 1
            if message.origin != "recording" and message.clock != "unsynced":
                # A clock ahead of ours must not make the others look quick.
                made_s = parse_utc_ns(message.time_utc) / _NS
                self.lag_s.add(max(0.0, now_s - made_s))
            if message.time_uncertainty_s is not None:
                self.uncertainty_s.add(message.time_uncertainty_s)
        elif isinstance(message, ExposureMessage):
            self._expose(message)
        elif isinstance(message, LostMessage):
            self.declared_lost[message.reason] += _lost(message)

    def _expose(self, exposure: ExposureMessage) -> None:
        self.exposures[exposure.clock.state] += 1
        self.live_ns[exposure.origin] += exposure.live_time_ns
        for cause, dead_ns in exposure.dead_time_ns.items():
            # A version to come may know others; anybody may make some up.
            known = cause if cause in DEAD_TIME_CAUSES else "other"
            self.dead_ns[exposure.origin, known] += dead_ns


def _lost(message: LostMessage) -> int:
    ranges: Sequence[tuple[int, int]] = [(one.first_seq, one.last_seq) for one in message.ranges]
    return sum(last - first + 1 for first, last in ranges)
