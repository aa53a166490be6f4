"""The whole loop, frame by frame, beside the pass alone over the same mapped frames.

A frame's time is that from one request for a frame to the next: reading, pixel pass, learning,
order stage, reporter, hits file. The pass alone and the limits are timed the same way.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from calibration.model import Calibration
from edge.bench.dark import SHALLOW
from edge.bench.ours import our_pass_of
from edge.bench.peers import MAX, OPENCV, OpenCvPass, same_answer
from edge.bench.recorded import Recorded, learned, write_dark
from edge.bench.result import Result, short
from edge.bench.scale import Scale
from edge.bench.timing import Times
from edge.config.model import Config
from edge.frame import BadFrame, Frame, Origin, Pixels, SensorMode, Series
from edge.pixels.scan import Scan
from edge.replay import Replay
from edge.sources import open_recording

NAME = "loop_1080p_u8"
OURS = "replay"
PASS = "pass alone"  # noqa: S105  (no password)
BLOCK_FRAMES = 64
_LIMIT_FACTOR, _LIMIT_MS = 1.5, 0.060


@dataclass(slots=True, eq=False)
class TimedSeries:
    """A series that notes when each frame is asked for; implements `edge.frame.Series`.

    Attributes
    ----------
    inner : Series
    asked_ns : list of int
        A time more than there are frames, of the last reading.
    """

    inner: Series
    asked_ns: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of the series."""
        return self.inner.name

    @property
    def mode(self) -> SensorMode:
        """Of its frames."""
        return self.inner.mode

    @property
    def count(self) -> int:
        """Number of frames."""
        return self.inner.count

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame | BadFrame]:
        """Yield frames, noting the times."""
        frames = self.inner.frames(start, stop)
        self.asked_ns = []
        now, note = time.perf_counter_ns, self.asked_ns.append
        note(now())
        for frame in frames:
            yield frame
            note(now())

    @property
    def times_ms(self) -> list[float]:
        """Time of each frame of the last reading."""
        return [float(ns) / 1e6 for ns in np.diff(self.asked_ns)]


@dataclass(frozen=True, slots=True, eq=False)
class TimedRecording:
    """A recording of one such series; implements `edge.frame.Recording`."""

    timed: TimedSeries
    path: str
    origin: Origin = "simulation"
    warnings: tuple[str, ...] = ()
    digest: str = ""

    def series(self) -> list[Series]:
        """Its one series."""
        return [self.timed]


def run(scale: Scale, folder: Path, *, memory: bool = False) -> Iterator[Result]:
    """Replay a mapped recording with all stages on, its calibration given."""
    wanted = scale.loop_memory_frames if memory else scale.loop_frames
    name = f"{NAME}_memory" if memory else NAME
    recorded = write_dark(folder / name, scale.medium, SHALLOW, wanted)
    loop = Loop(recorded, learned(scale.medium, SHALLOW))
    loop.check()
    loop.round(())  # the warm-up
    samples: dict[str, list[float]] = {key: [] for key in loop.contenders}
    for turn in range(scale.loop_rounds):
        first = turn % len(samples)
        names = list(samples)
        for key, times in loop.round(names[first:] + names[:first]).items():
            samples[key] += times
    yield _result(name, loop, samples)


class Loop:
    """Contenders over one recording."""

    def __init__(self, recorded: Recorded, calibration: Calibration) -> None:
        self.recorded = recorded
        self._timed = TimedSeries(open_recording(recorded.place).series()[0])
        self._calibration = calibration
        self._out = recorded.place.with_suffix(".jsonl")
        self.summary: dict[str, Any] = {}
        thresholds = calibration.seed_threshold
        if calibration.cluster is not None and calibration.look_threshold is not None:
            thresholds = calibration.look_threshold
        black_adu = calibration.cover.black_adu
        like = np.empty(thresholds.shape, np.uint8)
        self._pass = our_pass_of(thresholds, black_adu, "none")
        self._opencv = OpenCvPass(like, thresholds, black_adu)
        self.contenders: dict[str, Callable[[], object]] = {
            OURS: self._replay,
            PASS: lambda: self._each(self._pass),
            MAX: lambda: self._each(np.max),
            OPENCV: lambda: self._each(self._opencv),
        }

    def check(self) -> None:
        """All find the same; raises AssertionError where they don't."""
        for item in self._timed.frames(0, BLOCK_FRAMES):
            assert isinstance(item, Frame)  # noqa: S101  (nothing bad was written)
            if not same_answer(self._pass(item.pixels), self._opencv(item.pixels)):
                raise AssertionError("OpenCV gives another answer than the pass")

    def round(self, names: Any) -> dict[str, list[float]]:
        """Let each go over all frames; without names all of them."""
        times = {}
        for name in names or self.contenders:
            self.contenders[name]()
            times[name] = self._timed.times_ms
        return times

    def _replay(self) -> None:
        recording = TimedRecording(self._timed, path="bench")
        replay = Replay(recording, Config(), calibration=self._calibration, out=self._out)
        self.summary = replay.run().summary
        if self.summary["processed"] != self._timed.count:
            raise AssertionError(f"not every frame was looked at: {self.summary}")

    def _each(self, call: Callable[[Pixels], Scan | object]) -> None:
        for item in self._timed.frames():
            assert isinstance(item, Frame)  # noqa: S101  (nothing bad was written)
            call(item.pixels)


def _result(name: str, loop: Loop, samples: dict[str, list[float]]) -> Result:
    times = {key: Times(tuple(some)) for key, some in samples.items()}
    mine, pass_ms = samples[OURS], times[PASS].median_ms
    ms, limit_ms = times[OURS].median_ms, _LIMIT_FACTOR * pass_ms + _LIMIT_MS
    recorded, frames = loop.recorded, loop.recorded.frames
    turns = [one for i, one in enumerate(mine) if i % frames and i % frames % BLOCK_FRAMES == 0]
    width, height = recorded.size
    return Result(
        name,
        f"the whole loop, a mapped recording of {frames} frames of {width} × {height} uint8",
        OURS,
        times,
        figures={
            "pass_ms": short(pass_ms),
            "limit_ms": short(limit_ms),
            "mean_ms": short(statistics.fmean(mine)),
            "p90_ms": short(float(np.quantile(mine, 0.9))),
            "p99_ms": short(float(np.quantile(mine, 0.99))),
            "turn_ms": short(statistics.median(turns)) if turns else None,
            "frames": frames,
            "rounds": len(mine) // frames,
            "samples": len(mine),
            "particles": recorded.particles,
            "hits": loop.summary["hits"],
            "frames_per_s": round(1e3 / statistics.fmean(mine), 1),
        },
        notes=(
            f"median {ms:.3f} ms, the limit of 1.5 passes + 0.06 ms is {limit_ms:.3f} ms; "
            f"mean {statistics.fmean(mine):.3f} ms",
            "np.max and OpenCV over the same mapped frames, each opened the same way",
            *recorded.note,
        ),
    )
