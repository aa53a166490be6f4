"""What is written is read: pixels, times, gaps, bad frames."""

import dataclasses
import json
import os
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import Failed
from edge.frame import BadFrame, Frame
from edge.recording import NativeRecording, RecordingWriter, is_native
from tests.edge.recording.recording_examples import MODE, make_frame, read, write


def test_frames_come_back_as_they_were_written(recording):
    opened = NativeRecording(recording)
    (series,) = opened.series()
    assert opened.origin == "recording"
    assert (series.name, series.mode, series.count) == ("", MODE, 10)
    frames = list(series.frames())
    assert [f.index for f in frames] == list(range(10))
    for i, frame in enumerate(frames):
        if i == 3:
            assert frame == BadFrame(3, 3, "truncated", "3 of 6 rows arrived")
            continue
        assert isinstance(frame, Frame)
        assert np.array_equal(frame.pixels, np.full((6, 8), i))
        assert frame.pixels.dtype == np.uint16
        assert frame.sensor_time_ns == 10**12 + i * 2_000_000
        assert frame.exposure_ns == 1_000_000
        assert frame.temperature_c == 20.0 + i
        assert frame.utc_ns is None
        assert frame.origin == "recording"
        assert frame.mode == MODE


def test_pixels_are_mapped_and_read_only(recording):
    frame = read(recording)[0]
    assert not frame.pixels.flags.writeable
    assert not frame.pixels.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        frame.pixels[0, 0] = 1


def test_segments_roll_and_all_are_sealed(recording):
    names = sorted(path.name for path in recording.glob("frames-*"))
    assert names == ["frames-00000.npy", "frames-00001.npy", "frames-00002.npy"]
    assert [np.load(recording / name).shape[0] for name in names] == [4, 4, 1]


def test_any_range_can_be_read_again_and_again(tmp_path):
    write(tmp_path / "r", count=700, bad=(0, 300, 699), segment_frames=100)
    (series,) = NativeRecording(tmp_path / "r").series()
    whole = [(f.index, f.sequence) for f in series.frames()]
    assert whole == [(i, i) for i in range(700)]
    for start, stop in ((0, 1), (255, 258), (256, 256), (511, 513), (299, 302), (699, 900), (5, 2)):
        found = list(series.frames(start, stop))
        assert [f.index for f in found] == list(range(start, min(stop, 700)))
        for frame in found:
            if isinstance(frame, Frame):
                assert frame.pixels[0, 0] == frame.index
    assert [f.index for f in series.frames(697)] == [697, 698, 699]


def test_gaps_in_the_sequence_are_kept(tmp_path):
    with RecordingWriter(tmp_path / "r", MODE, "simulation") as out:
        for index, sequence in enumerate((0, 1, 5, 9)):
            out.append(make_frame(index, sequence))
    frames = read(tmp_path / "r")
    assert [f.sequence for f in frames] == [0, 1, 5, 9]
    assert [f.index for f in frames] == [0, 1, 2, 3]
    assert frames[0].origin == "simulation"


def test_name_and_start_time_are_kept_and_dates_follow_the_sensor(tmp_path):
    start_ns = 1_700_000_000_123_456_789
    write(tmp_path / "r", series="night", start_utc_ns=start_ns)
    frames = read(tmp_path / "r")
    assert frames[0].series == "night"
    assert frames[3].series == "night"
    assert frames[0].utc_ns == start_ns
    assert frames[7].utc_ns == start_ns + 14_000_000


def test_frames_own_times_win_and_frames_without_sensor_time_count_at_the_rate(tmp_path):
    with RecordingWriter(tmp_path / "r", MODE, "recording", start_utc_ns=10**18) as out:
        out.append(make_frame(0, sensor_time_ns=None, utc_ns=5))
        out.append(make_frame(1, sequence=4, sensor_time_ns=None))
    assert [f.utc_ns for f in read(tmp_path / "r")] == [5, 10**18 + 8_000_000]


def test_strange_text_survives_in_the_head(tmp_path):
    text = 'a "b" \\ \x7f \t é 🌌\n= #'
    mode = dataclasses.replace(MODE, sensor=text)
    with RecordingWriter(tmp_path / "r", mode, "camera", source=text, series=text) as out:
        out.append(make_frame(0, mode=mode))
    (series,) = NativeRecording(tmp_path / "r").series()
    assert (series.name, series.mode.sensor) == (text, text)


@pytest.mark.parametrize("sensor_clock", [True, False])
def test_whether_times_are_the_sensors_own_is_kept(tmp_path, sensor_clock):
    mode = dataclasses.replace(MODE, sensor_clock=sensor_clock)
    with RecordingWriter(tmp_path / "r", mode, "camera") as out:
        out.append(dataclasses.replace(make_frame(0), mode=mode))
    (series,) = NativeRecording(tmp_path / "r").series()
    assert series.mode == mode


def test_of_an_older_recording_it_is_not_taken_for_granted(recording):
    head = recording / "recording.toml"
    lines = head.read_text().splitlines()
    assert "sensor_clock = false" in lines
    head.write_text("\n".join(line for line in lines if "sensor_clock" not in line))
    (series,) = NativeRecording(recording).series()
    assert series.mode == MODE
    head.write_text(head.read_text() + "\nsensor_clock = 1\n")
    with pytest.raises(Failed, match="sensor_clock is 1, expected true or false"):
        NativeRecording(recording)


def test_packed_raw_is_kept_as_the_bytes_it_is(tmp_path):
    mode = dataclasses.replace(MODE, bit_depth=10, packing="mipi10")
    rows = np.random.default_rng(1).integers(0, 255, (6, 16), dtype=np.uint8)
    with RecordingWriter(tmp_path / "r", mode, "camera") as out:
        out.append(make_frame(0, mode=mode, pixels=rows))
    (frame,) = read(tmp_path / "r")
    assert np.array_equal(frame.pixels, rows)
    assert frame.mode.packing == "mipi10"


def test_strided_pixels_are_written_right(tmp_path):
    wide = np.arange(6 * 20, dtype=np.uint16).reshape(6, 20)
    with RecordingWriter(tmp_path / "r", MODE, "camera") as out:
        out.append(make_frame(0, pixels=wide[:, 3:19:2]))
    assert np.array_equal(read(tmp_path / "r")[0].pixels, wide[:, 3:19:2])


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 4)), min_size=1, max_size=30),
    st.integers(1, 7),
    st.sampled_from([np.uint8, np.uint16]),
)
def test_any_run_of_good_bad_and_missing_frames_comes_back(tmp_path, run, segment, dtype):
    folder = tmp_path / "any"
    shutil.rmtree(folder, ignore_errors=True)
    mode = dataclasses.replace(MODE, bit_depth=8 if dtype is np.uint8 else 16)
    random = np.random.default_rng(1)
    written, sequence = [], -1
    with RecordingWriter(folder, mode, "camera", segment_frames=segment) as out:
        for index, (good, step) in enumerate(run):
            sequence += step
            pixels = random.integers(0, np.iinfo(dtype).max, (6, 8), dtype=dtype, endpoint=True)
            out.append(
                make_frame(index, sequence, mode, pixels)
                if good
                else BadFrame(sequence, index, "lost_rows", "x")
            )
            written.append((sequence, pixels if good else None))
    found = read(folder)
    assert [f.sequence for f in found] == [s for s, _ in written]
    for frame, (_, pixels) in zip(found, written, strict=True):
        assert isinstance(frame, BadFrame) == (pixels is None)
        if isinstance(frame, Frame):
            assert np.array_equal(frame.pixels, pixels)
            assert frame.pixels.dtype == dtype


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"width_px": 4}, "changed_size"),
        ({"bit_depth": 14}, "changed_depth"),
        ({"gain": 8.0}, "changed_mode"),
    ],
)
def test_a_frame_unlike_the_others_is_kept_as_a_bad_one(tmp_path, change, reason):
    other = dataclasses.replace(MODE, **change)
    with RecordingWriter(tmp_path / "r", MODE, "camera") as out:
        for i in range(3):
            out.append(make_frame(i, mode=other if i == 1 else MODE))
        assert (out.frames, out.bad) == (3, 1)
    one, two, three = read(tmp_path / "r")
    assert isinstance(two, BadFrame)
    assert two.reason == reason
    assert (one.pixels[0, 0], three.pixels[0, 0]) == (0, 2)


def test_pixels_that_belie_their_mode_are_bad_and_another_exposure_is_not(tmp_path):
    with RecordingWriter(tmp_path / "r", MODE, "camera") as out:
        out.append(make_frame(0))
        out.append(make_frame(1, pixels=np.zeros((5, 8), np.uint16)))
        out.append(make_frame(2, pixels=np.zeros((6, 8), np.uint8)))
        out.append(make_frame(3, mode=dataclasses.replace(MODE, exposure_ns=5)))
    assert [isinstance(f, Frame) for f in read(tmp_path / "r")] == [True, False, False, True]


def test_a_recording_can_be_read_while_it_grows(tmp_path):
    with RecordingWriter(tmp_path / "r", MODE, "camera", segment_frames=4) as out:
        assert NativeRecording(tmp_path / "r").series()[0].count == 0
        for i in range(6):
            out.append(make_frame(i))
            assert not NativeRecording(tmp_path / "r").complete
            assert [f.pixels[0, 0] for f in read(tmp_path / "r")] == list(range(i + 1))
    assert NativeRecording(tmp_path / "r").complete


def test_a_recording_larger_than_memory_is_read_a_segment_at_a_time(tmp_path):
    folder = write(tmp_path / "big", count=40, bad=(), segment_frames=1)
    mode = dataclasses.replace(MODE, width_px=4096, height_px=4096)
    head = (folder / "recording.toml").read_text()
    head = head.replace("width_px = 8", "width_px = 4096")
    (folder / "recording.toml").write_text(head.replace("height_px = 6", "height_px = 4096"))
    for path in folder.glob("*.npy"):
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file,
                {"descr": "<u2", "fortran_order": False, "shape": (1, 4096, 4096)},
            )
            file.truncate(file.tell() + mode.width_px * mode.height_px * 2)  # sparse
    script = (
        "import resource, sys\n"
        "from edge.recording import NativeRecording\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "limit = used + 150 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "frames = NativeRecording(sys.argv[1]).series()[0].frames()\n"
        "print(sum(int(f.pixels[-1, -1]) + 1 for f in frames))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "40"  # 1.3 GB through a window of 150 MB


def test_digest_is_that_of_names_and_contents_not_of_the_place(recording, tmp_path):
    digest = NativeRecording(recording).digest
    assert len(digest) == 64
    moved = shutil.copytree(recording, tmp_path / "elsewhere")
    assert NativeRecording(moved).digest == digest
    (moved / "truth.jsonl").write_text("{}\n")
    (moved / "notes.txt").write_text("mine")
    assert NativeRecording(moved).digest == digest
    with (moved / "frames-00001.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")
    assert NativeRecording(moved).digest != digest


def test_native_recordings_are_told_by_their_head(recording, tmp_path):
    assert is_native(recording)
    assert not is_native(tmp_path)
    assert not is_native(recording / "frames.jsonl")


def test_truth_is_refused_where_none_was_announced_and_empty_where_it_was(tmp_path):
    with (
        RecordingWriter(tmp_path / "a", MODE, "camera") as out,
        pytest.raises(ValueError, match="without truth"),
    ):
        out.append_truth(0, 0, "ok", [])
    with RecordingWriter(tmp_path / "b", MODE, "simulation", with_truth=True) as out:
        out.append_truth(0, None, "missing", [])
    assert (tmp_path / "b" / "truth.jsonl").read_text() == ""


def test_index_lines_hold_what_the_plan_says(recording):
    lines = [json.loads(line) for line in (recording / "frames.jsonl").read_text().splitlines()]
    assert set(lines[4]) == {
        "index", "sequence", "status", "sensor_time_ns", "utc_ns", "exposure_ns",
        "temperature_c", "segment", "position",
    }  # fmt: skip
    assert (lines[4]["segment"], lines[4]["position"]) == (0, 3)
    assert lines[3]["status"] == "bad"
    assert lines[3]["reason"] == "truncated"


def test_open_files_are_not_kept(recording):
    before = len(os.listdir("/proc/self/fd"))
    opened = [NativeRecording(recording) for _ in range(20)]
    iterators = [iter(o.series()[0].frames()) for o in opened]
    for iterator in iterators:
        next(iterator)
        iterator.close()
    assert len(os.listdir("/proc/self/fd")) <= before + 1
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0
