"""A series of frames through the pixel pass, by any number of workers, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from edge.detector import Detector
from edge.frame import BadFrame, Frame
from edge.monitor.monitor import Monitor
from edge.pixels.candidates import ScannedFrame
from edge.stages.gaps import GapCounter
from edge.stages.outcome import Outcome
from edge.tracking import Tracking

_TOGETHER = 8
"""As many as a tracker learns from at once; their samples are a few hundred kB at 1080p."""


def scan_one(item: Frame | BadFrame, detector: Detector, monitor: Monitor | None = None) -> Outcome:
    """Pixel pass of one frame, and its samples; its buffer is given back whatever happens."""
    if isinstance(item, BadFrame):
        return Outcome("bad", reason=item.reason)
    try:
        outcome = outcome_of(detector.scan(item))
        return outcome if monitor is None else monitor.look(item, outcome, detector)
    finally:
        if item.release is not None:
            item.release()


def outcome_of(scanned: ScannedFrame | str) -> Outcome:
    """Bin of a scanned frame; a string is the reason why it is bad."""
    if isinstance(scanned, str):
        return Outcome("bad", reason=scanned)
    if not scanned.covered:
        return Outcome("uncovered", scanned.stamp, reason=scanned.reason)
    return Outcome(
        "processed",
        scanned.stamp,
        scanned.candidates,
        scanned.flood,
        sample=scanned.sample,
        looked=scanned.looked,
    )


def scan_all(
    frames: Iterable[Frame | BadFrame],
    tracking: Tracking,
    workers: int,
    monitor: Monitor | None = None,
) -> Iterator[Outcome]:
    """Outcomes in the order of the frames, missing ones included.

    Threads, since the kernels hold no interpreter lock; at most three frames per worker wait.
    A single worker hands on eight frames together: what is done with an outcome is short, and
    slow after each frame that has just gone through the processor's caches.
    Before thresholds change, all frames of the block before are handed on, so that whoever takes
    them has told `tracking` of them.
    """
    gaps = GapCounter()
    if workers <= 1:
        seen: list[Outcome] = []
        for item in frames:
            if missing := gaps.missing_before(item):
                seen.append(Outcome("missing", count=missing))
            if len(seen) >= _TOGETHER or tracking.turns_at(item.index):
                yield from seen
                seen.clear()
                if tracking.turns_at(item.index):
                    tracking.turn(item.index)
            seen.append(scan_one(item, tracking.detector, monitor))
        yield from seen
        return
    waiting: deque[Outcome | Future[Outcome]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="pixels") as pool:
        for item in frames:
            waiting.extend(_missing(gaps, item))
            if tracking.turns_at(item.index):
                while waiting:
                    yield _result(waiting.popleft())
                tracking.turn(item.index)
            waiting.append(pool.submit(scan_one, item, tracking.detector, monitor))
            while len(waiting) > 3 * workers:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())


def _missing(gaps: GapCounter, item: Frame | BadFrame) -> list[Outcome]:
    count = gaps.missing_before(item)
    return [Outcome("missing", count=count)] if count else []


def _result(item: Outcome | Future[Outcome]) -> Outcome:
    return item if isinstance(item, Outcome) else item.result()
