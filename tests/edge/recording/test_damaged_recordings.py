"""Every damage is one clear line at opening, or one bad frame among good ones."""

import json
import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import BadUse, CosmicEdgeError, Failed
from edge.frame import BadFrame
from edge.recording import NativeRecording
from tests.edge.recording.recording_examples import write


def read(folder):
    return list(NativeRecording(folder).series()[0].frames())


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def head(old, new):
    return lambda folder: edit(folder / "recording.toml", old, new)


def cut(name, size):
    def damage(folder):
        path = folder / name
        os.truncate(path, path.stat().st_size + size if size < 0 else size)

    return damage


def drop(name):
    return lambda folder: (folder / name).unlink()


def save(name, array):
    return lambda folder: np.save(folder / name, array)


def lose_a_line(folder):
    path = folder / "frames.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


DAMAGES = {
    "garbled head": (head("[mode]", "[mode"), "recording.toml: garbled, not TOML"),
    "binary head": (
        lambda folder: (folder / "recording.toml").write_bytes(b"\xff\xfe\x00"),
        "garbled",
    ),
    "head without schema": (head("schema", "shema"), "schema is None, expected"),
    "another schema": (head("cosmic-edge/recording/1", "other/1"), "schema is 'other/1'"),
    "newer schema": (head("recording/1", "recording/2"), "newer than this cosmic-edge reads"),
    "no mode": (head("[mode]", "[mood]"), r"\[mode\] is missing"),
    "no width": (head("width_px = 8", ""), r"\[mode\] width_px is missing"),
    "odd width": (head("width_px = 8", 'width_px = "8"'), "expected a whole number"),
    "no size": (
        head("width_px = 8", "width_px = 0"),
        "width_px is 0, expected a whole number, 1 to 65536",
    ),
    "odd gain": (head("gain = 2.5", "gain = true"), "gain is True, expected a number"),
    "odd depth": (
        head("bit_depth = 12", "bit_depth = 40"),
        "bit_depth is 40, expected a whole number, 8 to 16",
    ),
    "odd packing": (head('packing = "none"', 'packing = "zip"'), "expected one of none, mipi10"),
    "infinite gain": (head("gain = 2.5", "gain = inf"), "gain is inf, expected a number"),
    "wide pixels": (
        head("[mode]", "[mode]\npixel_pitch_um = 1e300"),
        "pixel_pitch_um is 1e.300, expected 0.01 to 10000",
    ),
    "exposed for ages": (
        head("exposure_ns = 1000000", "exposure_ns = 10000000000000000000"),
        "exposure_ns is 10000000000000000000, expected a whole number, 0 to",
    ),
    "long name": (head('series = "', 'series = "' + 300 * "x"), "series is longer than 256"),
    "unknown origin": (head('"recording"', '"dream"'), "origin is 'dream', expected"),
    "odd time": (head("series", 'start_utc = "noon"\nseries'), "start_utc: 'noon'"),
    "odd rate": (
        lambda folder: (
            edit(folder / "recording.toml", "frame_duration_ns = 2000000", ""),
            edit(folder / "recording.toml", "fps = 500.0", "fps = 0"),
        ),
        "fps is 0",
    ),
    "no count": (head("frames = 10", ""), "frames is missing"),
    "odd count": (head("frames = 10", "frames = -1"), "frames is -1"),
    "another size": (head("width_px = 8", "width_px = 9"), "frames are 8 x 6 px, .* states 9 x 6"),
    "no index": (drop("frames.jsonl"), "frames.jsonl: is missing"),
    "short index": (lose_a_line, "has 9 lines, recording.toml states 10"),
    "first segment gone": (drop("frames-00000.npy"), "frames-00000.npy: is missing"),
    "last segment gone": (drop("frames-00002.npy"), "hold 8 frames, recording.toml states 9"),
    "truncated segment": (cut("frames-00001.npy", -1), "truncated: 3 whole frames of 4"),
    "empty segment": (cut("frames-00001.npy", 0), "no .npy file"),
    "segment is text": (
        lambda folder: (folder / "frames-00001.npy").write_text("x" * 200),
        "no .npy file",
    ),
    "changed size": (save("frames-00001.npy", np.zeros((4, 5, 8), "<u2")), "8 x 5 uint16, those"),
    "changed depth": (save("frames-00001.npy", np.zeros((4, 6, 8), "u1")), "8 x 6 uint8, those"),
    "floats": (save("frames-00000.npy", np.zeros((4, 6, 8))), "holds '<f8' of shape"),
    "one frame": (save("frames-00000.npy", np.zeros((6, 8), "<u2")), "expected uint8 or uint16"),
    "objects": (
        save("frames-00000.npy", np.array([None, {}], dtype=object)),
        "expected uint8 or uint16 frames",
    ),
    "other order": (
        save("frames-00000.npy", np.asfortranarray(np.zeros((4, 6, 8), "<u2"))),
        "expected uint8 or uint16 frames",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_one_clear_line_that_names_the_place(recording, name):
    damage, message = DAMAGES[name]
    damage(recording)
    with pytest.raises(Failed, match=message) as caught:
        NativeRecording(recording)
    assert "\n" not in str(caught.value)
    assert str(recording) in str(caught.value)


def test_what_is_no_recording_is_bad_use(tmp_path):
    with pytest.raises(BadUse, match="no such recording folder"):
        NativeRecording(tmp_path / "nowhere")
    with pytest.raises(BadUse, match="no native recording"):
        NativeRecording(tmp_path)


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("}", "frames.jsonl:6: unreadable line"),
        ('{"sequence": 5, "status": "ok", "segment": 0, "position": 99}', "no frame 99 in segment"),
        ('{"sequence": 5, "status": "ok", "segment": 9, "position": 0}', "in segment 9"),
        ('{"sequence": -5, "segment": 0, "position": 0}', "sequence is -5"),
        ('{"sequence": 5, "segment": 0, "position": 0, "utc_ns": "x"}', "utc_ns is 'x'"),
        ('{"sequence": 5, "segment": 0, "position": 0, "temperature_c": "x"}', "temperature_c"),
        ("[]", "no object"),
        ("\udcff", "unreadable line"),
    ],
)
def test_one_spoiled_line_is_one_bad_frame(recording, line, detail):
    path = recording / "frames.jsonl"
    lines = path.read_text().splitlines()
    lines[5] = line
    path.write_text("\n".join(lines) + "\n", errors="surrogateescape")
    frames = read(recording)
    assert len(frames) == 10
    assert isinstance(frames[5], BadFrame)
    assert (frames[5].index, frames[5].reason) == (5, "unreadable_index")
    assert detail in frames[5].detail
    assert [f.index for f in frames if isinstance(f, BadFrame)] == [3, 5]
    assert frames[6].pixels[0, 0] == 6


def test_what_a_later_version_adds_is_ignored(recording):
    edit(recording / "recording.toml", "[mode]", 'colour = "dark"\n[mode]\nlens = "none"')
    path = recording / "frames.jsonl"
    lines = [json.loads(line) | {"humidity": 3} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert len(read(recording)) == 10


def test_a_head_written_by_hand_may_be_short(recording):
    (recording / "recording.toml").write_text(
        'schema = "cosmic-edge/recording/1"\norigin = "recording"\nframes = 10\nbad = 1\n'
        "fps = 25\nstart_utc = 2026-01-01T00:00:00.5+01:00\n"
        "[mode]\nwidth_px = 8\nheight_px = 6\nbit_depth = 16\n"
    )
    (series,) = NativeRecording(recording).series()
    assert series.mode.frame_duration_ns == 40_000_000
    first = next(iter(series.frames()))
    assert first.utc_ns == 1_767_222_000_500_000_000


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(["recording.toml", "frames.jsonl", "frames-00000.npy", "frames-00002.npy"]),
    st.integers(0, 4000),
    st.binary(max_size=12),
    st.booleans(),
    st.booleans(),
)
def test_no_spoiled_byte_gives_anything_but_a_clear_line(
    tmp_path, name, place, spoil, shorten, growing
):
    folder = tmp_path / "spoiled"
    shutil.rmtree(folder, ignore_errors=True)
    write(folder)
    if growing:
        edit(folder / "recording.toml", "complete = true", "complete = false")
    path = folder / name
    data = path.read_bytes()
    place %= len(data)
    path.write_bytes(data[:place] + spoil + (b"" if shorten else data[place + len(spoil) :]))
    try:
        frames = read(folder)
    except CosmicEdgeError as error:
        assert "\n" not in str(error).strip()  # noqa: PT017
        return
    assert all(f.index == i for i, f in enumerate(frames))
