"""The capture thread: a ring of leased buffers between a source and the loop."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeAlias

from edge.errors import Failed
from edge.frame import BadFrame, Frame, FrameSource
from edge.sources.lateness import Lateness


@dataclass(frozen=True, slots=True)
class Dropped:
    """Frames the loop was too late for, in their place before the next frame.

    Frames missing between the dropped ones show as a gap: the sequence numbers from
    `first_sequence` to `last_sequence` are more than `count`. `behind` as `Capture.behind`.
    """

    count: int
    first_sequence: int
    last_sequence: int
    behind: bool = field(default=False, compare=False)


Item: TypeAlias = Frame | BadFrame | Dropped


class SourceStalled(Failed):
    """Nothing came from the source in the time allowed; it may yet go on."""


class Capture:
    """Runs a source in a thread of its own and hands on its frames in order.

    When the ring is full, a source that pushes back waits; from any other the oldest frame is
    given back and counted. The consumer calls `release` of every frame it gets; frames that it
    never gets are given back here.

    Parameters
    ----------
    source : FrameSource
        Closed by `stop`.
    depth : int
        Frames the ring holds, 1 or more.
    """

    def __init__(self, source: FrameSource, depth: int = 8) -> None:
        if depth < 1:
            raise ValueError(f"depth must be 1 or more, not {depth}")
        self._source = source
        self._depth = depth
        self._ring: deque[tuple[Frame | BadFrame, bool]] = deque()
        self._lateness = Lateness()
        self._behind = False
        self._changed = threading.Condition()
        self._pending: Dropped | None = None
        self._dropped = 0
        self._received = 0
        self._error: BaseException | None = None
        self._ended = False
        self._stopping = False
        self._last_item_s = time.monotonic()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __iter__(self) -> Iterator[Item]:
        """Yield items until the source ends or `stop` is called; waits as long as it takes."""
        while (item := self._next(None)) is not None:
            yield item

    @property
    def dropped(self) -> int:
        """Frames dropped so far, whether or not the loop has been told."""
        return self._dropped

    @property
    def received(self) -> int:
        """Frames the source delivered so far, dropped and bad ones included."""
        return self._received

    @property
    def waiting(self) -> int:
        """Frames in the ring now."""
        return len(self._ring)

    @property
    def behind(self) -> bool:
        """Whether this process stood still shortly before the item last taken.

        Frames missing before it are then its own loss, not the camera's.
        """
        return self._behind

    @property
    def silent_s(self) -> float:
        """Seconds since the source last delivered (or the thread started)."""
        return time.monotonic() - self._last_item_s

    def start(self) -> None:
        """Start the thread; once, further calls do nothing."""
        if self._thread is None:
            self._last_item_s = time.monotonic()
            # A daemon: a camera that hangs in its driver must not keep the process alive.
            self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
            self._thread.start()

    def get(self, timeout_s: float) -> Item | None:
        """Take the next item.

        Returns
        -------
        Frame, BadFrame, Dropped or None
            None: the source has ended, or `stop` was called.

        Raises
        ------
        SourceStalled
            Nothing came in `timeout_s`; the source may yet go on, so ask again or stop.
        Exception
            What the source raised, after the frames before it; again at each further call.
        """
        return self._next(timeout_s)

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Close the source, give back what is in the ring, end the thread.

        Never waits longer than about `timeout_s`, even where the camera's driver hangs.

        Returns
        -------
        bool
            False where the thread still hangs; it is left behind and its frames are given back.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        # close may hang in a driver just as a read does.
        closer = threading.Thread(target=self._close_source, name="capture-close", daemon=True)
        closer.start()
        closer.join(max(0.0, deadline_s - time.monotonic()))
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline_s - time.monotonic()))
        self._clear()
        return not closer.is_alive() and (thread is None or not thread.is_alive())

    def _next(self, timeout_s: float | None) -> Item | None:
        self.start()
        with self._changed:
            ready = self._changed.wait_for(self._has_news, timeout_s)
            if self._stopping:
                return None
            if not ready:
                raise SourceStalled(f"{self._source.name}: no frame for {self.silent_s:.1f} s")
            if self._pending is not None:
                pending, self._pending = self._pending, None
                self._behind = pending.behind
                return pending
            if self._ring:
                item, self._behind = self._ring.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None:
                raise self._error
            return None

    def _has_news(self) -> bool:
        return bool(self._ring or self._pending or self._ended or self._stopping)

    def _run(self) -> None:
        frames = self._source.frames()
        try:
            for item in frames:
                if not self._put(item):
                    break
        except BaseException as error:  # handed to the consumer, whatever it is
            self._error = error
        finally:
            close = getattr(frames, "close", None)  # a generator gives its camera back
            if close is not None:
                with contextlib.suppress(Exception):
                    close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, item: Frame | BadFrame) -> bool:
        """Add to the ring; False when the capture is stopping."""
        lost = None
        behind = not self._source.pushes_back and self._lateness.is_behind(item, _boottime_ns())
        with self._changed:
            self._received += 1
            self._last_item_s = time.monotonic()
            if self._source.pushes_back:
                self._changed.wait_for(lambda: len(self._ring) < self._depth or self._stopping)
            if self._stopping:
                lost = item
            else:
                if len(self._ring) >= self._depth:
                    lost = self._drop_oldest()
                self._ring.append((item, behind))
                self._changed.notify_all()
            stopping = self._stopping
        _release(lost)
        return not stopping

    def _drop_oldest(self) -> Frame | BadFrame:
        oldest, behind = self._ring.popleft()
        self._dropped += 1
        before = self._pending or Dropped(0, oldest.sequence, oldest.sequence)
        self._pending = Dropped(
            before.count + 1, before.first_sequence, oldest.sequence, before.behind or behind
        )
        return oldest

    def _close_source(self) -> None:
        # Nothing is left to do with a camera that fails while it is being closed.
        with contextlib.suppress(Exception):
            self._source.close()

    def _clear(self) -> None:
        with self._changed:
            left, self._ring = list(self._ring), deque()
        for item, _ in left:
            _release(item)


def _boottime_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _release(item: Frame | BadFrame | None) -> None:
    release = getattr(item, "release", None)
    if release is not None:
        # A buffer that can't be given back is the source's loss, not a reason to stop the loop.
        with contextlib.suppress(Exception):
            release()
