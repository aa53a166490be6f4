"""`record`: from a source to a recording, with limits, gaps, truth and Ctrl-C."""

import json
import threading

import numpy as np
import pytest

from edge.errors import BadUse, Failed
from edge.frame import BadFrame
from edge.recording import NativeRecording, record
from tests.edge.recording.recording_examples import make_frame


class Camera:
    """A source that gives what it is told."""

    name = "test:"
    origin = "camera"
    pushes_back = True

    def __init__(self, frames):
        self._frames = frames
        self.closed = 0

    def frames(self):
        for frame in self._frames:
            if isinstance(frame, BaseException):
                raise frame
            yield frame

    def close(self):
        self.closed += 1


class KnowingCamera(Camera):
    origin = "simulation"

    def truth(self, sequence):
        return [{"class": "spot", "x_px": sequence}] if sequence % 2 else []


def frames(*sequences, **values):
    return [make_frame(0, s, origin=values.pop("origin", "camera"), **values) for s in sequences]


def read(path):
    return list(NativeRecording(path).series()[0].frames())


def test_everything_a_source_gives_is_recorded_and_summed_up(tmp_path):
    source = Camera([*frames(0, 1), BadFrame(2, 2, "truncated", "x"), *frames(5)])
    seen = []
    result = record(source, tmp_path / "r", progress=seen.append)
    assert result == {
        "frames": 4,
        "bad": 1,
        "missing": 2,
        "path": str(tmp_path / "r"),
        "truth": None,
    }
    assert seen == [1, 2, 3, 4]
    assert source.closed == 1
    assert [f.sequence for f in read(tmp_path / "r")] == [0, 1, 2, 5]
    assert [f.index for f in read(tmp_path / "r")] == [0, 1, 2, 3]
    assert not (tmp_path / "r" / "truth.jsonl").exists()


def test_every_lease_is_given_back_once(tmp_path):
    given_back = []
    lent = [
        make_frame(i, release=lambda i=i: given_back.append(i), origin="camera") for i in range(5)
    ]
    record(Camera(lent), tmp_path / "r", frames=4)
    assert given_back == [0, 1, 2, 3]


def test_limits_count_frames_or_sensor_time(tmp_path):
    assert record(Camera(frames(*range(50))), tmp_path / "a", frames=7)["frames"] == 7
    # 2 ms a frame
    assert record(Camera(frames(*range(50))), tmp_path / "b", duration_s=0.02)["frames"] == 10
    none = Camera(frames(*range(50), sensor_time_ns=None))
    assert record(none, tmp_path / "c", duration_s=60.0)["frames"] == 50


def test_time_without_sensor_times_is_the_computers(tmp_path):
    paused = threading.Event()

    class Slow(Camera):
        def frames(self):
            for frame in super().frames():
                paused.wait(0.02)
                yield frame

    slow = Slow(frames(*range(1000), sensor_time_ns=None))
    assert 1 <= record(slow, tmp_path / "r", duration_s=0.2)["frames"] <= 10


def test_a_cameras_recording_is_dated_by_the_clock_and_a_simulations_is_not(tmp_path):
    import time

    begun_ns = time.time_ns()
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    one = make_frame(0, sensor_time_ns=boot_ns - 5_000_000_000, origin="camera")
    record(Camera([one]), tmp_path / "a")
    (frame,) = read(tmp_path / "a")
    assert frame.utc_ns == pytest.approx(begun_ns - 5_000_000_000, abs=2e9)
    record(Camera(frames(0, origin="simulation")), tmp_path / "b")
    (frame,) = read(tmp_path / "b")
    assert frame.utc_ns is None
    assert frame.origin == "simulation"
    record(Camera(frames(0, origin="simulation")), tmp_path / "c", start_utc_ns=77)
    assert read(tmp_path / "c")[0].utc_ns == 77


def test_truth_names_the_frame_it_is_in_also_when_that_never_came(tmp_path):
    good = frames(0, 1, 5, origin="simulation")
    source = KnowingCamera([good[0], good[1], BadFrame(3, 3, "truncated", "x"), good[2]])
    result = record(source, tmp_path / "r")
    lines = (tmp_path / "r" / "truth.jsonl").read_text().splitlines()
    assert result["truth"] == str(tmp_path / "r" / "truth.jsonl")
    assert [
        (t["sequence"], t["frame"], t["status"], t["x_px"]) for t in map(json.loads, lines)
    ] == [(1, 1, "ok", 1), (3, 2, "bad", 3), (5, 3, "ok", 5)]
    gap = KnowingCamera(frames(0, 4, origin="simulation"))
    record(gap, tmp_path / "gap")
    lines = (tmp_path / "gap" / "truth.jsonl").read_text().splitlines()
    assert [(t["sequence"], t["frame"], t["status"]) for t in map(json.loads, lines)] == [
        (1, None, "missing"),
        (3, None, "missing"),
    ]


def test_a_counter_that_jumps_is_counted_at_once(tmp_path):
    result = record(Camera(frames(0, 1, 10**15)), tmp_path / "r")
    assert (result["frames"], result["missing"]) == (3, 10**15 - 2)


def test_no_end_is_an_infinite_duration(tmp_path):
    endless = Camera(frames(*range(5)))
    assert record(endless, tmp_path / "r", duration_s=float("inf"))["frames"] == 5


def test_several_series_are_refused_before_anything_is_written(tmp_path):
    source = Camera(frames(0))
    source.series_names = ("60 s", "300 s")
    with pytest.raises(BadUse, match=r"holds 2 series \('60 s', '300 s'\)"):
        record(source, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_bad_frames_before_the_first_good_one_are_kept(tmp_path):
    source = Camera([BadFrame(0, 0, "dark", "x"), BadFrame(2, 1, "dark", "y"), *frames(3)])
    result = record(source, tmp_path / "r")
    assert (result["frames"], result["bad"], result["missing"]) == (3, 2, 1)
    assert [f.sequence for f in read(tmp_path / "r")] == [0, 2, 3]


def test_a_source_without_a_usable_frame_is_one_line(tmp_path):
    with pytest.raises(Failed, match="test:: gave no usable frame"):
        record(Camera([BadFrame(0, 0, "dark", "x")]), tmp_path / "r")


def test_ctrl_c_ends_a_recording_like_any_other_end(tmp_path):
    source = Camera([*frames(0, 1, 2), KeyboardInterrupt()])
    assert record(source, tmp_path / "r")["frames"] == 3
    assert source.closed == 1
    assert NativeRecording(tmp_path / "r").complete


def test_ctrl_c_amid_a_frame_leaves_the_frames_before_it(tmp_path, monkeypatch):
    source = Camera(frames(*range(6)))
    written = []

    def interrupted(descriptor, data):
        import os

        written.append(descriptor)
        if len(written) == 9:
            os.write(descriptor, bytes(data)[:7])
            raise KeyboardInterrupt
        os.write(descriptor, data)

    monkeypatch.setattr("edge.recording.segments.write_all", interrupted)
    monkeypatch.setattr("edge.recording.files.write_all", interrupted)
    record(source, tmp_path / "r")
    found = read(tmp_path / "r")
    assert 2 <= len(found) < 6
    assert [f.index for f in found] == list(range(len(found)))
    assert all(np.all(f.pixels == 0) for f in found)


def test_a_source_that_fails_leaves_what_came_before(tmp_path):
    source = Camera([*frames(0, 1), Failed("test:: the cable is out")])
    with pytest.raises(Failed, match="the cable is out"):
        record(source, tmp_path / "r")
    assert source.closed == 1
    assert len(read(tmp_path / "r")) == 2


def test_a_full_folder_is_refused_before_the_source_is_asked(tmp_path):
    (tmp_path / "x").write_text("")
    source = Camera([AssertionError("asked")])
    with pytest.raises(BadUse, match="not empty"):
        record(source, tmp_path)
