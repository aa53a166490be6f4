from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from edge.errors import BadUse
from edge.frame import BadFrame, Frame, Origin, SensorMode, Series
from edge.sources import open_source
from edge.sources.capture import Capture, Dropped
from edge.sources.playback import Playback, PlaybackOptions
from edge.stages.gaps import GapCounter


class Listed:
    """A recording held in memory."""

    def __init__(self, *series: Series, origin: Origin = "recording") -> None:
        self._series = list(series)
        self.path, self.digest, self.origin = "listed", "", origin

    def series(self) -> list[Series]:
        return list(self._series)


class Rows:
    """A series of frames with given sequence numbers and times in seconds (None: a bad frame)."""

    def __init__(
        self, name: str, rows: list[tuple[int, float | None]], exposure_ns: int | None = None
    ) -> None:
        self.name, self.count, self._rows = name, len(rows), rows
        self.mode = SensorMode("s", 2, 2, 8, exposure_ns, frame_duration_ns=10**9)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame | BadFrame]:
        for index, (sequence, seconds) in list(enumerate(self._rows))[start:stop]:
            if seconds is None:
                yield BadFrame(sequence, index, "truncated", "x", self.name)
                continue
            yield Frame(
                np.zeros((2, 2), np.uint8),
                sequence,
                index,
                self.mode,
                self.name,
                sensor_time_ns=round(seconds * 1e9),
                utc_ns=round(seconds * 1e9),
                exposure_ns=self.mode.exposure_ns or 0,
                origin="recording",
            )


def numbers(frames: list[Frame | BadFrame]) -> list[tuple[str, int, int]]:
    return [(frame.series, frame.index, frame.sequence) for frame in frames]


def seconds(frames: list[Frame | BadFrame]) -> list[float]:
    return [f.utc_ns / 1e9 for f in frames if isinstance(f, Frame) and f.utc_ns is not None]


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    values = np.arange(20, dtype=np.uint8).repeat(4).reshape(20, 2, 2)
    np.save(tmp_path / "x.npy", values)
    return tmp_path / "x.npy"


def test_a_recording_is_played_as_it_is_and_pushes_back(stack: Path) -> None:
    source = open_source(str(stack))
    assert source.pushes_back
    assert source.origin == "recording"
    assert source.name == f"recording:{stack}"
    frames = list(source.frames())
    assert [f.sequence for f in frames] == list(range(20))
    assert [int(f.pixels[0, 0]) for f in frames if isinstance(f, Frame)] == list(range(20))


def test_series_follow_one_another_and_keep_their_own_gaps() -> None:
    recording = Listed(Rows("a", [(0, 0), (1, 1), (4, 4)]), Rows("b", [(7, 9), (8, None)]))
    played = list(Playback(recording).frames())
    assert numbers(played) == [("a", 0, 0), ("a", 1, 1), ("a", 2, 4), ("b", 0, 5), ("b", 1, 6)]


def test_a_loop_goes_on_in_sequence_and_in_time() -> None:
    recording = Listed(Rows("a", [(0, 100), (1, 101), (2, None)]))
    played = list(islice(Playback(recording, PlaybackOptions(loop=True)).frames(), 9))
    assert [frame.sequence for frame in played] == list(range(9))
    assert [frame.index for frame in played] == [0, 1, 2] * 3
    assert seconds(played) == [100, 101, 102, 103, 104, 105]


def test_a_loop_over_nothing_ends() -> None:
    assert list(Playback(Listed(Rows("a", [])), PlaybackOptions(loop=True)).frames()) == []


def test_a_series_is_chosen_by_name_or_number() -> None:
    recording = Listed(Rows("dark 60 s", [(0, 0)]), Rows("dark 10 s", [(0, 0)]))
    for wanted in ("dark 10 s", "1"):
        played = Playback(recording, PlaybackOptions(series=wanted)).frames()
        assert [frame.series for frame in played] == ["dark 10 s"]


def test_an_unknown_series_names_the_nearest() -> None:
    recording = Listed(Rows("dark 60 s", [(0, 0)]))
    with pytest.raises(BadUse, match='no series "dark 6 s"; did you mean "dark 60 s"'):
        Playback(recording, PlaybackOptions(series="dark 6 s"))


def test_the_origin_stays_what_the_recording_says() -> None:
    assert Playback(Listed(Rows("a", []), origin="simulation")).origin == "simulation"


def test_paced_it_keeps_a_cameras_rate_and_time(stack: Path) -> None:
    source = open_source(f"recording:{stack}?paced=1&fps=200")
    assert not source.pushes_back
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    frames = list(source.frames())
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    times = [f.sensor_time_ns for f in frames if isinstance(f, Frame)]
    assert after - before >= 19 * 5_000_000
    exposed_ns = 1_000_000_000 // 30  # of an unknown exposure: what is taken for it
    assert all(t is not None and before <= t + exposed_ns <= after for t in times)
    assert all(late > early for early, late in pairwise(t for t in times if t is not None))
    assert {f.utc_ns for f in frames if isinstance(f, Frame)} == {None}


def test_paced_the_sensor_time_is_the_start_of_exposure() -> None:
    rows = Rows("a", [(0, 0)], exposure_ns=3 * 10**9)
    (frame,) = Playback(Listed(rows), PlaybackOptions(paced=True, fps=100)).frames()
    assert isinstance(frame, Frame)
    assert frame.sensor_time_ns is not None
    age_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - frame.sensor_time_ns
    assert 3 * 10**9 <= age_ns < 4 * 10**9


def test_paced_a_late_reader_misses_frames_and_the_sequence_shows_it(stack: Path) -> None:
    source = open_source(f"recording:{stack}?paced=1&fps=200&loop=1")
    frames = source.frames()
    first = next(frames)
    time.sleep(0.1)
    late = list(islice(frames, 3))
    source.close()
    assert first.sequence == 0
    assert late[-1].sequence >= 15
    values = [int(f.pixels[0, 0]) for f in late if isinstance(f, Frame)]
    assert values == [f.sequence % 20 for f in late]  # what was missed was missed


def test_paced_a_late_frame_keeps_the_time_it_was_due() -> None:
    mode_ns = 10**7
    rows = Rows("a", [(n, n / 100) for n in range(40)])
    rows.mode = replace(rows.mode, frame_duration_ns=mode_ns, exposure_ns=1000, sensor_clock=True)
    frames = Playback(Listed(rows), PlaybackOptions(paced=True)).frames()
    played = [next(frames), next(frames)]
    time.sleep(0.1)
    played += islice(frames, 4)
    gaps = GapCounter()
    first = played[0]
    assert isinstance(first, Frame)
    for frame in played:
        assert isinstance(frame, Frame)
        assert frame.sensor_time_ns is not None
        assert first.sensor_time_ns is not None
        assert frame.sensor_time_ns - first.sensor_time_ns == frame.sequence * mode_ns
    assert sum(gaps.missing_before(frame) for frame in played) == played[-1].sequence - 5 > 0


def test_paced_at_another_rate_than_its_own_no_frame_is_missed_by_its_time() -> None:
    rows = Rows("a", [(n, n) for n in range(5)])
    rows.mode = replace(rows.mode, frame_duration_ns=10**6, exposure_ns=1000, sensor_clock=True)
    frames = list(Playback(Listed(rows), PlaybackOptions(paced=True, fps=50)).frames())
    modes = {id(frame.mode): frame.mode for frame in frames if isinstance(frame, Frame)}
    assert [mode.sensor_clock for mode in modes.values()] == [False]


def test_paced_in_a_capture_the_late_loop_drops_the_oldest(stack: Path) -> None:
    source = open_source(f"recording:{stack}?paced=1&fps=500")
    with Capture(source, depth=4) as capture:
        capture.start()
        time.sleep(0.3)
        items = list(capture)
    assert isinstance(items[0], Dropped)
    assert items[0].count == capture.dropped > 0
    assert capture.dropped + len(items) - 1 == capture.received


def test_closing_ends_an_endless_paced_loop_at_once() -> None:
    source = Playback(Listed(Rows("a", [(0, 0)])), PlaybackOptions(paced=True, loop=True))
    with Capture(source) as capture:
        assert isinstance(capture.get(5), Frame)
        begun = time.monotonic()
        assert capture.stop()
    assert time.monotonic() - begun < 0.9


def test_options_are_checked(stack: Path) -> None:
    with pytest.raises(BadUse, match='unknown option "pace"; did you mean "paced"'):
        open_source(f"recording:{stack}?pace=1")
    with pytest.raises(BadUse, match=r"fps must be 0\.0001 to 1000000, not 0"):
        open_source(f"recording:{stack}?fps=0")
