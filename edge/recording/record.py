"""Recording what a source gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from edge.errors import BadUse, Failed
from edge.frame import BadFrame, Frame, FrameSource
from edge.recording.layout import ARTEFACTS_NAME, TRUTH_NAME
from edge.recording.writer import RecordingWriter, prepare_folder

Progress = Callable[[int], None]


@runtime_checkable
class KnowsTruth(Protocol):
    """A source that can say what really was in a frame."""

    def truth(self, sequence: int) -> Iterable[Mapping[str, Any]]:
        """Particles of a frame, ready for JSON."""


@runtime_checkable
class KnowsArtefacts(Protocol):
    """A source that can say what befell a frame."""

    def artefacts(self, sequence: int) -> Iterable[Mapping[str, Any]]:
        """Artefacts and faults of a frame, ready for JSON."""


@runtime_checkable
class HasSeries(Protocol):
    """A source that plays a recording, which may hold several series."""

    @property
    def series_names(self) -> tuple[str, ...]:
        """Names of the series it plays."""


def record(
    source: FrameSource,
    out: Path,
    frames: int | None = None,
    duration_s: float | None = None,
    progress: Progress | None = None,
    *,
    start_utc_ns: int | None = None,
) -> dict[str, Any]:
    """Write what `source` gives to a new recording, until it ends or is interrupted.

    Parameters
    ----------
    source : FrameSource
        Closed at the end. If it also has ``truth(sequence)`` or ``artefacts(sequence)``, what they
        tell is written beside.
    out : Path
        A new or an empty folder.
    frames : int, optional
        Stop after so many, bad ones included.
    duration_s : float, optional
        Stop after so long, by the sensor's time where frames have one.
    progress : callable, optional
        Called with the number of frames so far.
    start_utc_ns : int, optional
        Unix time of the first frame. None: now, for a camera; none for others.

    Returns
    -------
    dict
        ``frames``, ``bad``, ``missing`` (gaps in the source's numbers), ``path`` and ``truth``
        (the path of `truth.jsonl`, or None); ``artefacts`` (that of `artefacts.jsonl`) where
        there were any.

    Raises
    ------
    BadUse
        `out` is not empty, or the source plays several series.
    Failed
        The disk or the source fails, or no frame came; what was written before can be read.
    """
    _refuse_several(source)
    prepare_folder(out)
    session = _Session(source, out, start_utc_ns)
    limit = _Limit(frames, duration_s)
    with ExitStack() as stack:
        stack.callback(source.close)
        stack.callback(session.close)
        try:
            for frame in source.frames():
                try:
                    if limit.over(frame):
                        break
                    session.add(frame)
                finally:
                    if isinstance(frame, Frame) and frame.release is not None:
                        frame.release()
                if progress is not None:
                    progress(session.received)
                if limit.reached(session.received):
                    break
        except KeyboardInterrupt:
            pass  # an end like any other: what came is kept and summed up
    return session.summary()


def _refuse_several(source: FrameSource) -> None:
    if isinstance(source, HasSeries) and len(source.series_names) > 1:
        names = ", ".join(repr(name) for name in source.series_names)
        raise BadUse(
            f"{source.name}: holds {len(source.series_names)} series ({names}); a recording is "
            "of one: name it, such as PATH?series=0"
        )


class _Limit:
    """When to stop."""

    def __init__(self, frames: int | None, duration_s: float | None) -> None:
        self._frames = frames
        self._duration_ns = None if duration_s is None else duration_s * 1e9  # may be infinite
        self._first_sensor_ns: int | None = None
        self._begun_ns = time.monotonic_ns()

    def over(self, frame: Frame | BadFrame) -> bool:
        """Whether the time was up before this frame."""
        if self._duration_ns is None:
            return False
        sensor_ns = frame.sensor_time_ns if isinstance(frame, Frame) else None
        if sensor_ns is None:
            return time.monotonic_ns() - self._begun_ns >= self._duration_ns
        if self._first_sensor_ns is None:
            self._first_sensor_ns = sensor_ns
        return sensor_ns - self._first_sensor_ns >= self._duration_ns

    def reached(self, received: int) -> bool:
        """Whether enough frames came."""
        return self._frames is not None and received >= self._frames


class _Session:
    """The writer, made at the first frame with pixels: only then is the mode known."""

    def __init__(self, source: FrameSource, out: Path, start_utc_ns: int | None) -> None:
        self._source = source
        self._truth = source if isinstance(source, KnowsTruth) else None
        self._artefacts = source if isinstance(source, KnowsArtefacts) else None
        self._out = out
        self._start_utc_ns = start_utc_ns
        self._waiting: list[BadFrame] = []
        self._writer: RecordingWriter | None = None
        self._expected = 0
        self._missing = 0

    @property
    def received(self) -> int:
        return len(self._waiting) + (self._writer.frames if self._writer else 0)

    def add(self, frame: Frame | BadFrame) -> None:
        if self._writer is None:
            if isinstance(frame, BadFrame):
                self._waiting.append(frame)
                return
            self._writer = self._make_writer(frame)
            for bad in self._waiting:
                self._append(self._writer, bad)
            self._waiting.clear()
        self._append(self._writer, frame)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def summary(self) -> dict[str, Any]:
        if self._writer is None:
            raise Failed(f"{self._source.name}: gave no usable frame, so nothing was recorded")
        summary: dict[str, Any] = {
            "frames": self._writer.frames,
            "bad": self._writer.bad,
            "missing": self._missing,
            "path": str(self._out),
            "truth": None if self._truth is None else str(self._out / TRUTH_NAME),
        }
        if self._writer.has_artefacts:
            summary["artefacts"] = str(self._out / ARTEFACTS_NAME)
        return summary

    def _append(self, writer: RecordingWriter, frame: Frame | BadFrame) -> None:
        missing = range(self._expected, frame.sequence)
        self._missing += len(missing)
        if self._truth or self._artefacts:  # a camera's counter may jump by billions
            for sequence in missing:
                self._append_known(writer, sequence, None, "missing")
        self._expected = max(self._expected, frame.sequence + 1)
        bad_before = writer.bad
        index = writer.append(frame)
        status = "bad" if writer.bad > bad_before else "ok"
        self._append_known(writer, frame.sequence, index, status)

    def _append_known(
        self, writer: RecordingWriter, sequence: int, index: int | None, status: str
    ) -> None:
        if self._truth is not None:
            told = self._truth.truth(sequence)
            if status != "ok":  # then it says all: what else befell the frame is not seen
                told = [dict(particle) | {"status": status} for particle in told]
            writer.append_truth(sequence, index, status, told)
        if self._artefacts is not None:
            writer.append_artefacts(sequence, index, status, self._artefacts.artefacts(sequence))

    def _make_writer(self, frame: Frame) -> RecordingWriter:
        start_ns = self._start_utc_ns
        if start_ns is None and frame.origin == "camera" and frame.utc_ns is None:
            start_ns = _utc_of(frame)
        return RecordingWriter(
            self._out,
            frame.mode,
            frame.origin,
            series=frame.series,
            start_utc_ns=start_ns,
            source=self._source.name,
            with_truth=self._truth is not None,
        )


def _utc_of(frame: Frame) -> int:
    """Unix time of a camera's frame by the computer's clock, as good as that is."""
    now_ns = time.time_ns()
    if frame.sensor_time_ns is None:
        return now_ns
    return now_ns - (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - frame.sensor_time_ns)
