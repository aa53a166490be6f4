"""The simulated camera: options, pace, faults, and the recordings made of it."""

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from edge.errors import BadUse
from edge.frame import BadFrame, Frame
from edge.recording import NativeRecording, record
from edge.sources.simulated import (
    SimulatedSource,
    boottime_ns,
    mode_of,
    open_simulated,
    write_simulation,
)
from simulator import Simulation, SimulationSpec

SMALL = {"width_px": 48, "height_px": 32, "hot_pixels": 3}


def small(**values):
    return SimulationSpec(**(SMALL | values))


def read_truth(result):
    return [json.loads(line) for line in Path(result["truth"]).read_text().splitlines()]


def test_options_become_the_spec_with_short_names_for_the_size():
    source = open_simulated(
        {"width": "64", "height_px": "48", "hits_per_min": "600", "seed": "7", "bit_depth": "12"}
        | {"black_clip": "1", "uncover_at_s": "2.5", "paced": "0", "frames": "3"}
    )
    assert source.simulation.spec == SimulationSpec(
        width_px=64, height_px=48, hits_per_min=600, seed=7, bit_depth=12,
        black_clip=True, uncover_at_s=2.5,
    )  # fmt: skip
    assert source.pushes_back
    assert source.origin == "simulation"
    assert len(list(source.frames())) == 3
    assert open_simulated({}).simulation.spec == SimulationSpec()
    assert not open_simulated({}).pushes_back


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hits_per_minute": "3"}, 'unknown option "hits_per_minute"; did you mean "hits_per_min"'),
        ({"seed": "one"}, 'seed: expected a whole number, got "one"'),
        ({"bit_depth": "20"}, "bit_depth must be 8 to 16, not 20"),
        ({"width": "4"}, "width_px must be 16 to 8192, not 4"),
        ({"width": "64", "width_px": "64"}, "not both"),
        ({"exposure_s": "1"}, "exposure_s must be at most 1/fps"),
        ({"frames": "0"}, "frames must be 1 or more"),
        ({"paced": "maybe"}, "paced: expected 1 or 0"),
    ],
)
def test_wrong_options_are_bad_use_in_one_line(options, message):
    with pytest.raises(BadUse, match=message) as caught:
        open_simulated(options)
    assert str(caught.value).startswith("sim:")
    assert "\n" not in str(caught.value)


def test_name_is_a_url_that_opens_the_same_source():
    source = open_simulated({"width": "64", "black_clip": "1", "seed": "3"})
    assert source.name == "sim:?width_px=64&seed=3&black_clip=1"
    query = dict(item.split("=") for item in source.name.partition("?")[2].split("&"))
    assert open_simulated(query).simulation.spec == source.simulation.spec
    assert open_simulated({}).name == "sim:"


def test_frames_are_the_simulations_with_mode_and_times():
    spec = small(fps=50.0)
    frames = list(SimulatedSource(spec, paced=False, frames=5, start_ns=10**9).frames())
    assert [f.sequence for f in frames] == [f.index for f in frames] == [0, 1, 2, 3, 4]
    for i, frame in enumerate(frames):
        assert isinstance(frame, Frame)
        assert np.array_equal(frame.pixels, Simulation(spec).frame(i).pixels)
        assert frame.sensor_time_ns == 10**9 + i * 20_000_000
        assert frame.exposure_ns == 19_800_000
        assert frame.temperature_c == 25.0
        assert frame.origin == "simulation"
        assert frame.utc_ns is None
    mode = frames[0].mode
    assert mode == mode_of(spec)
    assert (mode.width_px, mode.height_px, mode.bit_depth) == (48, 32, 10)
    assert mode.black_level_adu == 64
    assert mode_of(small(black_clip=True)).black_level_adu == 0


def test_dropped_frames_are_gaps_and_truncated_ones_are_bad():
    spec = small(drop_rate=0.3, bad_rate=0.3)
    frames = list(SimulatedSource(spec, paced=False, frames=100).frames())
    faults = [Simulation(spec).faults(i) for i in range(100)]
    assert [f.sequence for f in frames] == [i for i in range(100) if not faults[i].dropped]
    for frame in frames:
        assert isinstance(frame, BadFrame) == faults[frame.sequence].truncated
        if isinstance(frame, BadFrame):
            assert frame.reason == "truncated"
            assert "of 32 rows arrived" in frame.detail


def test_a_paced_source_keeps_the_time_of_a_camera():
    spec = small(fps=50.0)
    before_ns = boottime_ns()
    arrived = [(boottime_ns(), f.sensor_time_ns) for f in SimulatedSource(spec, frames=20).frames()]
    after_ns = boottime_ns()
    assert len(arrived) >= 5  # the machine may be busy
    readout_ns = spec.exposure_ns + 32 * spec.row_time_ns
    for at_ns, sensor_ns in arrived:
        assert before_ns <= sensor_ns < after_ns
        assert at_ns - sensor_ns >= readout_ns  # nobody has a frame before it is read out
    assert after_ns - before_ns >= 19 * 20_000_000


def test_a_late_reader_of_a_paced_source_loses_frames_and_of_an_unpaced_one_none():
    paced = SimulatedSource(small(fps=200.0), frames=400).frames()
    first = next(paced)
    time.sleep(0.5)
    second = next(paced)
    assert first.sequence < 60
    assert second.sequence - first.sequence > 80
    # What the driver still holds comes without a wait and without a gap.
    assert next(paced).sequence - second.sequence < 40
    unpaced = SimulatedSource(small(fps=200.0), paced=False, frames=400).frames()
    next(unpaced)
    time.sleep(0.1)
    assert next(unpaced).sequence == 1


def test_close_ends_a_waiting_source_from_another_thread():
    source = SimulatedSource(small(fps=0.01))
    ended = threading.Event()

    def read():
        assert list(source.frames()) == []
        ended.set()

    thread = threading.Thread(target=read)
    thread.start()
    source.close()
    source.close()
    thread.join(5)
    assert ended.is_set()


def test_close_ends_an_unpaced_source():
    source = SimulatedSource(small(), paced=False)
    frames = source.frames()
    next(frames)
    source.close()
    assert list(frames) == []


def test_a_simulated_recording_holds_frames_truth_and_gaps(tmp_path):
    spec = small(hits_per_min=6000, drop_rate=0.1, bad_rate=0.1)
    seen = []
    result = write_simulation(spec, tmp_path / "r", 60, seen.append)
    simulation = Simulation(spec)
    faults = [simulation.faults(i) for i in range(60)]
    assert result["frames"] == sum(not f.dropped for f in faults) == len(seen)
    assert result["bad"] == sum(f.truncated for f in faults)
    assert result["path"] == str(tmp_path / "r")
    recording = NativeRecording(tmp_path / "r")
    assert recording.origin == "simulation"
    frames = list(recording.series()[0].frames())
    place = {frame.sequence: frame.index for frame in frames}
    for frame in frames:
        if isinstance(frame, Frame):
            assert np.array_equal(frame.pixels, simulation.frame(frame.sequence).pixels)
            assert frame.sensor_time_ns == frame.sequence * spec.frame_duration_ns
            assert frame.utc_ns is None
    lines = read_truth(result)
    last = frames[-1].sequence
    expected = [t.to_dict() for i in range(last + 1) for t in simulation.truth(i)]
    assert len(lines) == len(expected) > 60
    for line, truth in zip(lines, expected, strict=True):
        assert truth.items() <= line.items()
        fault = faults[line["sequence"]]
        status = "missing" if fault.dropped else "bad" if fault.truncated else "ok"
        assert line["status"] == status
        assert line["frame"] == place.get(line["sequence"])


def test_truth_points_at_the_bright_pixel_of_the_recorded_frame(tmp_path):
    result = write_simulation(small(hits_per_min=600, hot_pixels=0), tmp_path / "r", 200)
    frames = list(NativeRecording(result["path"]).series()[0].frames())
    bright = 0
    for truth in read_truth(result):
        if truth["peak_sigma"] < 20:
            continue
        excess = frames[truth["frame"]].pixels[truth["y_px"], truth["x_px"]] - 64.0
        assert excess > 0.5 * truth["peak_adu"]
        bright += 1
    assert bright > 30


def test_the_same_spec_makes_the_same_recording_byte_for_byte(tmp_path):
    for name in "ab":
        write_simulation(small(hits_per_min=6000), tmp_path / name, 40)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["frames-00000.npy", "frames.jsonl", "recording.toml", "truth.jsonl"]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    write_simulation(small(hits_per_min=6000, seed=2), tmp_path / "c", 40)
    one, other = (NativeRecording(tmp_path / name).digest for name in "ac")
    assert one != other


def test_a_start_time_dates_a_simulated_recording(tmp_path):
    write_simulation(small(), tmp_path / "r", 3, start_utc_ns=10**18)
    frames = NativeRecording(tmp_path / "r").series()[0].frames()
    assert [f.utc_ns - 10**18 for f in frames] == [0, 33_333_333, 66_666_666]


def test_wrong_use_of_write_simulation_is_refused(tmp_path):
    with pytest.raises(BadUse, match="frames must be 1 or more"):
        write_simulation(small(), tmp_path / "r", 0)
    (tmp_path / "x").write_text("")
    with pytest.raises(BadUse, match="not empty"):
        write_simulation(small(), tmp_path, 3)


def test_recording_a_playing_simulation_keeps_its_truth(tmp_path):
    source = open_simulated({"width": "48", "height": "32", "hits_per_min": "6000", "fps": "20"})
    result = record(source, tmp_path / "r", frames=10)
    assert result["frames"] == 10
    truth = read_truth(result)
    assert {line["class"] for line in truth} == {"spot", "track", "worm"}
