"""Simulated cameras as sources and recordings: presets, packed rows, artefacts, faults."""

import dataclasses
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from edge.cli.main import main
from edge.errors import BadUse
from edge.frame import BadFrame, Frame
from edge.pixels.unpack import unpack
from edge.recording import NativeRecording
from edge.sources.simulated import (
    SimulatedSource,
    mode_of,
    open_simulated,
    parse_simulated,
    write_simulation,
)
from simulator import Simulation, SimulationSpec
from simulator.presets import PRESETS, preset

FRAMES = 400
FAULTY = SimulationSpec(
    width_px=32,
    height_px=24,
    hot_pixels=2,
    hits_per_min=1200.0,
    drop_rate=0.03,
    bad_rate=0.03,
    repeat_rate=0.05,
    tear_rate=0.05,
    resize_rate=0.01,
    hang_at_s=3.0,
    hang_s=0.5,
    hang_every_s=5.0,
    jump_at_s=2.0,
    jump_s=-1.0,
    jump_every_s=3.0,
    leak_at_s=4.0,
    leak_s=2.0,
    flashes_per_min=20.0,
    birth_at_s=1.0,
    column_at_s=5.0,
    column_s=1.0,
    afterglow_share=0.1,
    first_row_noise_adu=5.0,
    uncover_at_s=8.0,
    uncover_s=0.5,
)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    return write_simulation(FAULTY, tmp_path_factory.mktemp("faulty") / "r", FRAMES)


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_a_preset_is_a_url_whose_values_can_be_changed():
    source = open_simulated({"preset": "pi-v2", "width": "64", "height": "48", "gain": "2"})
    expected = dataclasses.replace(preset("pi-v2"), width_px=64, height_px=48, gain=2.0)
    assert source.simulation.spec == expected
    assert source.mode.sensor == "imx219"
    assert source.mode.cfa == "BGGR"
    # A setting that only fits the preset is taken.
    packed = open_simulated({"preset": "pi-hq", "width": "64", "height": "48", "packing": "mipi12"})
    assert packed.mode.packing == "mipi12"


@pytest.mark.parametrize("name", PRESETS)
def test_the_name_of_a_source_opens_the_same_one(name):
    changes = {"width": "64", "height": "48", "exposure_s": "0.01"}
    source = open_simulated({"preset": name, **changes})
    assert source.name == f"sim:?preset={name}&width_px=64&height_px=48&exposure_s=0.01"
    query = dict(item.split("=") for item in source.name.partition("?")[2].split("&"))
    assert open_simulated(query).simulation.spec == source.simulation.spec


def test_what_no_url_can_take_away_from_a_preset_is_named_by_the_rest():
    spec = dataclasses.replace(preset("pi-v1"), width_px=64, height_px=48, row_time_us=None)
    source = SimulatedSource(spec)
    assert "preset=" not in source.name
    query = dict(item.split("=") for item in source.name.partition("?")[2].split("&"))
    assert open_simulated(query).simulation.spec == spec


def test_an_unknown_preset_is_bad_use_with_the_nearest_name():
    with pytest.raises(BadUse, match=r'^sim: unknown preset "pi-v3"; did you mean "pi-v') as caught:
        open_simulated({"preset": "pi-v3"})
    assert "\n" not in str(caught.value)


def test_a_phone_gives_luma_without_colours():
    mode = mode_of(preset("phone"))
    assert (mode.bit_depth, mode.black_level_adu, mode.cfa) == (8, 0.0, None)
    assert mode.conversion == "luma"


@pytest.mark.parametrize(("name", "packing"), [("pi-v2", "mipi10"), ("pi-hq", "mipi12")])
def test_packed_frames_are_recorded_as_the_bytes_they_are(tmp_path, name, packing):
    plain = dataclasses.replace(preset(name), width_px=50, height_px=20)
    spec = dataclasses.replace(plain, packing=packing, row_align_bytes=32)
    write_simulation(spec, tmp_path / "r", 5)
    simulation = Simulation(plain)
    series = NativeRecording(tmp_path / "r").series()[0]
    assert series.mode.packing == packing
    for i, frame in enumerate(series.frames()):
        assert frame.pixels.dtype == np.uint8
        assert frame.pixels.shape == (20, 96)
        assert np.array_equal(unpack(frame.pixels, 50, packing), simulation.frame(i).pixels)


def test_a_source_of_another_size_for_a_while_says_so_in_each_frame():
    spec = SimulationSpec(width_px=32, height_px=24, hot_pixels=0, resize_rate=0.05)
    sizes = set()
    for frame in SimulatedSource(spec, paced=False, frames=200).frames():
        assert frame.pixels.shape == (frame.mode.height_px, frame.mode.width_px)
        sizes.add(frame.pixels.shape)
    assert sizes == {(24, 32), (12, 16)}


def test_the_sums_of_a_recording_with_all_faults_are_exact(faulty):
    result, count = faulty, FRAMES
    simulation = Simulation(FAULTY)
    faults = [simulation.faults(i) for i in range(count)]
    last = max(i for i in range(count) if not faults[i].dropped)
    arrived = [i for i in range(last + 1) if not faults[i].dropped]
    assert result["frames"] == len(arrived)
    assert result["frames"] + result["missing"] == last + 1
    assert result["bad"] == sum(faults[i].truncated or faults[i].resized for i in arrived)
    frames = list(NativeRecording(result["path"]).series()[0].frames())
    assert [frame.sequence for frame in frames] == arrived
    reasons = {frame.reason for frame in frames if isinstance(frame, BadFrame)}
    assert reasons == {"truncated", "changed_size"}
    for frame in frames:
        if isinstance(frame, Frame):
            i = frame.sequence
            assert np.array_equal(frame.pixels, simulation.frame(i).pixels)
            shift_ns = simulation.time_shift_ns(i)
            assert frame.sensor_time_ns == i * FAULTY.frame_duration_ns + shift_ns
    times = [f.sensor_time_ns for f in frames if isinstance(f, Frame)]
    assert min(np.diff(times)) < 0


def test_truth_and_artefacts_lie_beside_the_frames_with_an_honest_status(faulty):
    result = faulty
    simulation = Simulation(FAULTY)
    truth, artefacts = lines(result["truth"]), lines(result["artefacts"])
    statuses = {line["status"] for line in truth}
    assert statuses == {"ok", "bad", "missing", "repeated", "torn"}
    for line in truth:
        faults = simulation.faults(line["sequence"])
        assert (line["frame"] is None) == (line["status"] == "missing") == faults.dropped
        assert (line["status"] == "bad") == (faults.truncated or faults.resized)
        assert line["covered"] == faults.covered
    kinds = {line["artefact"] for line in artefacts}
    assert kinds >= {"leak", "flash", "uncover", "afterglow", "hot_pixel_birth", "column_on"}
    assert kinds >= {"column_off", "repeated", "torn", "resized", "truncated", "dropped", "hang"}
    for line in artefacts:
        assert {"series", "frame", "sequence", "status", "artefact"} <= line.keys()
        if line["artefact"] == "torn":
            assert line["of_sequence"] == simulation.faults(line["sequence"]).below
    uncovered = {line["sequence"] for line in artefacts if line["artefact"] == "uncover"}
    assert all(not line["covered"] for line in truth if line["sequence"] in uncovered)


def test_a_recording_without_artefacts_has_no_file_of_them(tmp_path):
    result = write_simulation(SimulationSpec(width_px=32, height_px=24), tmp_path / "r", 5)
    assert "artefacts" not in result
    assert not (tmp_path / "r" / "artefacts.jsonl").exists()


def test_all_faults_make_the_same_recording_byte_for_byte(tmp_path):
    for name in "ab":
        write_simulation(FAULTY, tmp_path / name, 120)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert "artefacts.jsonl" in names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_simulate_takes_a_preset_and_a_size(tmp_path, capsys):
    arguments = ["simulate", "--preset", "webcam", "--width", "64", "--height", "48"]
    code = main(
        [*arguments, "--seed", "5", "--frames", "4", "--out", str(tmp_path / "r"), "--json"]
    )
    assert code == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 4
    mode = NativeRecording(tmp_path / "r").series()[0].mode
    assert (mode.sensor, mode.width_px, mode.height_px, mode.bit_depth) == ("webcam", 64, 48, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "webcan"], 'unknown preset "webcan"; did you mean "webcam"?'),
        (["--set", "preset=webcam"], "the preset is --preset"),
        (["--width", "4"], "width_px must be 16 to 8192, not 4"),
        (["--width", "64", "--set", "width_px=64"], "not both"),
        (["--preset", "pi-v1", "--set", "packing=mipi12"], "packing mipi12 does not hold 10 bits"),
    ],
)
def test_wrong_use_of_simulate_is_one_line_and_exit_code_2(tmp_path, capsys, arguments, message):
    assert main(["simulate", "--out", str(tmp_path / "r"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_options_are_read_without_making_the_sensor():
    options = {"preset": "pi-v2", "width": "64", "height": "48", "gain": "2", "frames": "9"}
    parsed = parse_simulated(options)
    assert parsed.spec == open_simulated(options).simulation.spec
    assert (parsed.frames, parsed.paced) == (9, True)
    # A full-size sensor takes hundreds of megabytes and a second or two.
    tracemalloc.start()
    try:
        assert parse_simulated({"preset": "pi-v2"}).spec == preset("pi-v2")
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()
