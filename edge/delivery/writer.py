"""The thread that commits: the loop hands over and goes on, the disk takes its time."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge.delivery.outbox import KEEP, Checkpoint, Keep, Outbox, OutboxFull
from edge.detection import Draft

_LOG = logging.getLogger(__name__)

OnCommit = Callable[[list[tuple[int, Draft]]], None]
_RETRY_FIRST_S = 0.5
_RETRY_LAST_S = 30.0
_SAY_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class _Batch:
    drafts: tuple[Draft, ...]
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class WriterCounts:
    """What became of what was handed over.

    Attributes
    ----------
    made : int
        Hits whose commit returned.
    committed : int
        Messages of all kinds.
    waiting : int
        Messages in memory now.
    unstored : int
        Messages dropped because the disk took nothing for too long.
    broken : int
        Messages that can't be stored whatever the disk does; a defect, logged.
    retries : int
        Commits the disk did not take.
    last_error : str
        Why the disk takes nothing now; "" where it does.
    """

    made: int
    committed: int
    waiting: int
    unstored: int
    broken: int
    retries: int
    last_error: str


class OutboxWriter:
    """Commits in groups, in order, from a thread of its own.

    Parameters
    ----------
    outbox : Outbox
        Where to; stays the caller's to close.
    max_delay_s : float
        Longest time from `put` to the commit.
    max_rows : int
        Messages at which a commit is made at once.
    on_commit : callable, optional
        Called in the writer's thread after each commit with (seq, draft) of its messages.
    max_waiting : int
        Messages kept in memory while the disk takes nothing.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        max_delay_s: float = 1.0,
        max_rows: int = 64,
        on_commit: OnCommit | None = None,
        max_waiting: int = 10_000,
    ) -> None:
        self._outbox = outbox
        self._max_delay_s = max_delay_s
        self._max_rows = max_rows
        self._on_commit = on_commit
        self._max_waiting = max_waiting
        self._changed = threading.Condition()
        self._queue: deque[_Batch] = deque()
        self._first_put = 0.0
        self._rows = 0
        self._put = 0  # batches handed over
        self._done = 0  # batches that came to an end
        self._hurry = 0  # how many wait in `flush`
        self._closing = False
        self._counts = dict.fromkeys(("made", "committed", "unstored", "broken", "retries"), 0)
        self._last_error = ""
        self._said_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name="outbox-writer", daemon=True)
        self._thread.start()

    def put(self, drafts: Sequence[Draft], checkpoint: Checkpoint = KEEP) -> bool:
        """Hand messages over; returns at once.

        What is put together is committed together, the checkpoint with it. False where memory is
        full because the disk takes nothing: then nothing of it will be stored, which is counted.
        """
        with self._changed:
            if self._rows + len(drafts) > self._max_waiting:
                self._counts["unstored"] += len(drafts)
                return False
            if not self._queue:
                self._first_put = time.monotonic()
            elif not drafts:
                # A newer checkpoint alone: of many, while the disk takes nothing, the last counts.
                if not isinstance(checkpoint, Keep):
                    self._queue[-1] = replace(self._queue[-1], checkpoint=checkpoint)
                return True
            self._queue.append(_Batch(tuple(drafts), checkpoint))
            self._rows += len(drafts)
            self._put += 1
            self._changed.notify_all()
            return True

    def flush(self, timeout_s: float) -> bool:
        """Commit what was put until now; True once it is on the disk."""
        with self._changed:
            wanted = self._put
            self._hurry += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: self._done >= wanted, timeout_s)
            finally:
                self._hurry -= 1

    def close(self, timeout_s: float = 10.0) -> bool:
        """Flush and end the thread; False where something could not be stored in time."""
        done = self.flush(timeout_s)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return done

    def counts(self) -> WriterCounts:
        """How it stands now."""
        with self._changed:
            return WriterCounts(waiting=self._rows, last_error=self._last_error, **self._counts)

    def _run(self) -> None:
        while group := self._next_group():
            self._store(group)
            with self._changed:
                self._rows -= sum(len(batch.drafts) for batch in group)
                self._done += len(group)
                self._changed.notify_all()
        with self._changed:
            self._counts["unstored"] += sum(len(batch.drafts) for batch in self._queue)

    def _next_group(self) -> list[_Batch]:
        """Wait until a group is due; empty at the end."""
        with self._changed:
            while not self._closing and self._wait_s() > 0:
                self._changed.wait(self._wait_s())
            group: list[_Batch] = []
            rows = 0
            while self._queue and not self._closing and (not group or rows < self._max_rows):
                group.append(self._queue.popleft())
                rows += len(group[-1].drafts)
            self._first_put = time.monotonic()
            return group

    def _wait_s(self) -> float:
        if not self._queue:
            return threading.TIMEOUT_MAX
        if self._rows >= self._max_rows or self._hurry:
            return 0.0
        return self._first_put + self._max_delay_s - time.monotonic()

    def _store(self, group: list[_Batch]) -> None:
        drafts = [draft for batch in group for draft in batch.drafts]
        checkpoint: Checkpoint = KEEP
        for batch in group:
            if not isinstance(batch.checkpoint, Keep):
                checkpoint = batch.checkpoint
        try:
            self._commit(drafts, checkpoint)
        except Exception:
            # One message that can't be stored must not take its neighbours with it.
            for draft in drafts:
                self._commit_alone([draft], KEEP)
            self._commit_alone([], checkpoint)

    def _commit_alone(self, drafts: list[Draft], checkpoint: Checkpoint) -> None:
        try:
            self._commit(drafts, checkpoint)
        except Exception as error:
            what = drafts[0].kind if drafts else "checkpoint"
            _LOG.error("%s can't be stored: %s: %s", what, type(error).__name__, error)
            with self._changed:
                self._counts["broken"] += 1

    def _commit(self, drafts: list[Draft], checkpoint: Checkpoint) -> None:
        """Try until the disk takes it, or the end comes first."""
        delay_s = _RETRY_FIRST_S
        while True:
            try:
                seqs = self._outbox.commit(drafts, checkpoint)
                break
            except OutboxFull as error:
                self._say(error)
            with self._changed:
                self._counts["retries"] += 1
                hurried_s = min(delay_s, _RETRY_FIRST_S) if self._hurry else delay_s
                if self._changed.wait_for(lambda: self._closing, hurried_s):
                    self._counts["unstored"] += len(drafts)
                    return
            delay_s = min(2 * delay_s, _RETRY_LAST_S)
        self._committed(drafts, seqs)

    def _committed(self, drafts: list[Draft], seqs: list[int]) -> None:
        with self._changed:
            self._counts["committed"] += len(drafts)
            self._counts["made"] += sum(draft.kind == "hit" for draft in drafts)
            if self._last_error:
                self._last_error = ""
                _LOG.warning("outbox can be written again")
        if self._on_commit is not None and drafts:
            try:
                self._on_commit(list(zip(seqs, drafts, strict=True)))
            except Exception:
                _LOG.exception("after a commit")

    def _say(self, error: OutboxFull) -> None:
        """Say it once, and then once a minute."""
        with self._changed:
            self._last_error = str(error)
        now = time.monotonic()
        if now - self._said_at >= _SAY_EVERY_S:
            self._said_at = now
            _LOG.warning("%s; trying again", error)
