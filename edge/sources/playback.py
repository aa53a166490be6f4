"""A recording played as a source: as fast as the loop takes it, or at a camera's pace."""

from __future__ import annotations

import difflib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from edge.errors import BadUse
from edge.frame import BadFrame, Frame, Origin, Recording, SensorMode, Series
from edge.sources.options import parse_options
from edge.timeline import exposure_ns

_DEFAULT_FPS = 30.0


@dataclass(frozen=True, slots=True)
class PlaybackOptions:
    """Options of a `recording:` URL.

    Attributes
    ----------
    paced : bool
        Behave like a camera: frames come at their rate with the time of now, and a loop that is
        late loses some. Otherwise the recording waits for the loop.
    loop : bool
        Start again at the end, for ever; the sequence goes on.
    fps : float or None
        Frames in a second when paced; None: the recording's own rate, or else one frame each
        exposure, or else 30.
    series : str or None
        Play this series alone, by name or number from 0; None: all, one after another.
    """

    paced: bool = False
    loop: bool = False
    fps: float | None = None
    series: str | None = None

    def __post_init__(self) -> None:
        if self.fps is not None and not 1e-4 <= self.fps <= 1e6:
            raise ValueError(f"fps must be 0.0001 to 1000000, not {self.fps:g}")


def open_playback(path: str, options: Mapping[str, str]) -> Playback:
    """Open a recording as a source; raises BadUse or Failed as `open_recording` does."""
    from edge.sources import open_recording

    parsed = parse_options(options, PlaybackOptions, f"recording:{path}")
    return Playback(open_recording(path), parsed)


class Playback:
    """Implements `edge.frame.FrameSource` over a recording.

    Unpaced, times and gaps are the recording's own; each further pass of a loop is moved behind
    the one before it. Paced, `sensor_time_ns` is CLOCK_BOOTTIME when the frame was due, less its
    exposure, however late it was fetched; `utc_ns` is None, and frames that couldn't be delivered
    in time are left out and show as a gap of the sequence.
    """

    def __init__(self, recording: Recording, options: PlaybackOptions | None = None) -> None:
        self._recording = recording
        self._options = options or PlaybackOptions()
        self._series = _choose(recording, self._options.series)
        self._closed = threading.Event()
        self._replayed: tuple[SensorMode, SensorMode] | None = None

    @property
    def name(self) -> str:
        """URL-like name for logs."""
        return f"recording:{self._recording.path}"

    @property
    def origin(self) -> Origin:
        """As the recording says: a played simulation is still one."""
        return self._recording.origin

    @property
    def series_names(self) -> tuple[str, ...]:
        """Names of the series it plays, in order."""
        return tuple(series.name for series in self._series)

    @property
    def mode(self) -> SensorMode:
        """Mode of the first series."""
        return self._series[0].mode

    @property
    def pushes_back(self) -> bool:
        """Whether it waits for the loop."""
        return not self._options.paced

    def close(self) -> None:
        """Stop; idempotent, callable from another thread."""
        self._closed.set()

    def frames(self) -> Iterator[Frame | BadFrame]:
        """Yield frames in order, once or for ever."""
        played = self._paced() if self._options.paced else self._unpaced()
        for frame in played:
            if self._closed.is_set():
                _give_back(frame)
                return
            yield frame

    def _passes(self) -> Iterator[tuple[int, Series, Frame | BadFrame]]:
        """Every frame with the number of its pass."""
        number = 0
        while True:
            empty = True
            for series in self._series:
                for frame in series.frames():
                    empty = False
                    yield number, series, frame
            if empty or not self._options.loop:
                return
            number += 1

    def _unpaced(self) -> Iterator[Frame | BadFrame]:
        played: tuple[int, Series] | None = None
        base = following = shift_ns = 0
        span = _Span()
        for number, series, frame in self._passes():
            if played is None or played[0] != number:
                shift_ns, span = shift_ns + span.length_ns, _Span()
            if played is None or (played[0], played[1]) != (number, series):
                # Each series numbers for itself; its own gaps stay.
                base, played = following - frame.sequence, (number, series)
            following = base + frame.sequence + 1
            if isinstance(frame, Frame):
                span.add(frame, _period_ns(series.mode, None))
                yield _later(replace(frame, sequence=following - 1), shift_ns)
            else:
                yield replace(frame, sequence=following - 1)

    def _paced(self) -> Iterator[Frame | BadFrame]:
        sequence, skip = -1, 0
        due_ns = _boot_ns()
        for _, series, frame in self._passes():
            period_ns = _period_ns(series.mode, self._options.fps)
            sequence += 1
            if skip > 0:
                skip -= 1
                _give_back(frame)
            else:
                if self._closed.wait(max(0, due_ns - _boot_ns()) / 1e9):
                    _give_back(frame)
                    return
                yield _due(frame, sequence, due_ns, self._mode_of(frame))
                # Computed anew after each delivered frame, so that one is always delivered.
                skip = max(0, (_boot_ns() - due_ns) // period_ns - 1)
            due_ns += period_ns

    def _mode_of(self, frame: Frame | BadFrame) -> SensorMode | None:
        """Mode that a frame is played in: at another pace a longer step than its own is no loss."""
        if isinstance(frame, BadFrame):
            return None
        if self._options.fps is None or not frame.mode.sensor_clock:
            return frame.mode
        if self._replayed is None or self._replayed[0] is not frame.mode:
            self._replayed = frame.mode, replace(frame.mode, sensor_clock=False)
        return self._replayed[1]


class _Span:
    """How long a pass lasts by its own times."""

    def __init__(self) -> None:
        self._first_ns: int | None = None
        self._last_ns = 0

    @property
    def length_ns(self) -> int:
        return 0 if self._first_ns is None else self._last_ns - self._first_ns

    def add(self, frame: Frame, period_ns: int) -> None:
        start_ns = frame.utc_ns if frame.sensor_time_ns is None else frame.sensor_time_ns
        if start_ns is None:
            return
        self._first_ns = start_ns if self._first_ns is None else min(self._first_ns, start_ns)
        self._last_ns = max(self._last_ns, start_ns + period_ns)


def _choose(recording: Recording, wanted: str | None) -> list[Series]:
    every = recording.series()
    if wanted is None:
        return every
    by_name = {series.name: series for series in every}
    if wanted in by_name:
        return [by_name[wanted]]
    if wanted.isdecimal() and int(wanted) < len(every):
        return [every[int(wanted)]]
    near = difflib.get_close_matches(wanted, by_name, n=1, cutoff=0.3)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    raise BadUse(f'recording:{recording.path}: has no series "{wanted}"{hint}')


def _period_ns(mode: SensorMode, fps: float | None) -> int:
    if fps is not None:
        return round(1e9 / fps)
    return mode.frame_duration_ns or mode.exposure_ns or round(1e9 / _DEFAULT_FPS)


def _later(frame: Frame, shift_ns: int) -> Frame:
    if shift_ns == 0:
        return frame
    return replace(
        frame,
        sensor_time_ns=None if frame.sensor_time_ns is None else frame.sensor_time_ns + shift_ns,
        utc_ns=None if frame.utc_ns is None else frame.utc_ns + shift_ns,
    )


def _due(
    frame: Frame | BadFrame, sequence: int, due_ns: int, mode: SensorMode | None
) -> Frame | BadFrame:
    if isinstance(frame, BadFrame) or mode is None:
        return replace(frame, sequence=sequence)
    # A camera delivers a frame when its exposure is over.
    start_ns = due_ns - exposure_ns(frame)
    return replace(frame, sequence=sequence, mode=mode, sensor_time_ns=start_ns, utc_ns=None)


def _boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _give_back(frame: Frame | BadFrame) -> None:
    if isinstance(frame, Frame) and frame.release is not None:
        frame.release()
