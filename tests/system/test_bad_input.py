"""Whatever a newcomer gets wrong: one clear line, and nothing that was stored is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.calls import Call, check_refused, stored

pytest.importorskip("astropy.io.fits")
pytest.importorskip("tifffile")
pytest.importorskip("rawpy")


UNREADABLE = {
    "text.txt": "isn't a video OpenCV can open; expected FITS, PNG",
    "empty.npy": "isn't a whole .npy file",
    "header.npy": "isn't a whole .npy file",
    "noise.npy": "isn't a whole .npy file",
    "complex.npy": "holds complex64: expected numbers",
    "words.npy": "expected numbers",
    "objects.npy": "expected numbers",
    "line.npy": "shape (9,): expected (h, w) or (n, h, w)",
    "four.npy": "shape (2, 2, 4, 4)",
    "none.npy": "holds no frame",
    "flat.npy": "0x4 pixels",
    "many.npy": "its header states",
    "huge.npy": "its header states",
    "two.npy": "2 dark frames are too few",
    "light.npy": "of no use were 12 too light",
    "equal.npy": "of no use were 8 of one value only",
    "saturated.npy": "of no use were 8 of one value only",
    "zeros.npy": "hold one value only",
    "nan.npy": "8 not finite (nan.npy: 256 pixels are NaN or infinite)",
    "inf.npy": "8 not finite (inf.npy: 256 pixels are NaN or infinite)",
    "wide.npy": "12 out of range (wide.npy: has values up to",
    "one.png": "1 dark frames are too few",
    "cut.png": "the file ends before the image does",
    "header.png": "isn't a whole PNG file",
    "flipped.png": "a checksum of the file is wrong",
    "huge.png": "huge.png",
    "noise.avi": "isn't a video",
    "empty.avi": "isn't a video",
    "noise.dng": "isn't a whole DNG file",
    "header.fits": "isn't a whole FITS file",
    "nothing.fits": "the file ends before its pixels do",
    "empty.fits": "isn't a whole FITS file",
    "nan.fits": "4 not finite",
    "line.fits": "holds no image",
    "bitpix.fits": "BITPIX is 17",
    "bzero.fits": "bzero.fits",
    "sides.fits": "sides.fits",
    "many.fits": "many.fits",
    "cut.tif": "cut.tif",
    "empty.tif": "isn't a TIFF file",
    "complex.tif": "holds complex64: expected numbers",
    "native-head": "recording.toml: garbled, not TOML",
    "native-newer": "newer than this cosmic-edge reads",
    "native-depth": "bit_depth is 99, expected",
    "native-index": "frames.jsonl: is missing",
    "native-short": "frames-00000.npy: truncated",
    "native-gone": "segments hold 0 frames",
    "native-sizes": "frames are 8 x 8 px, recording.toml states 32 x 24",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_can_not_be_replayed_is_one_line_that_names_it(
    call: Call, given: Path, tmp_path: Path, name: str
) -> None:
    arguments = f"replay IN/{name} --out OUT/hits.jsonl --json"
    check_refused(call, arguments, 1, UNREADABLE[name], given, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert f"{given}/{name}" in refused_line(call, "replay", str(given / name))


def refused_line(call: Call, *arguments: str) -> str:
    return call(*arguments)[2]


CASES: dict[str, tuple[str, int, str]] = {
    # what is to be read
    "no recording": ("replay IN/none --json", 2, "IN/none: no such recording"),
    "empty folder": ("replay IN/nothing --json", 2, "the folder is empty"),
    "folder of words": ("replay IN/words --json", 2, "holds no frames"),
    "folder of junk": ("replay IN/broken --json", 2, "none of 2 files can be read (a.png:"),
    "folder of folders": ("replay IN/outer --json", 2, "it has folders: inner"),
    "unknown source": ("record smi:?seed=1 --out OUT/r --json", 2, 'did you mean "sim:"?'),
    "other protocol": ("record http://x/y --out OUT/r --json", 2, 'unknown source "http://x/y"'),
    "no camera": ("record webcam:99 --out OUT/r --json", 1, "no /dev/video99"),
    "no picamera": ("record picamera: --out OUT/r --json", 1, "picamera"),
    "wrong option": ("record sim:?hits=3 --out OUT/r --json", 2, 'did you mean "hits_per_min"?'),
    "option alone": ("record sim:?seed --out OUT/r --json", 2, "write seed=value"),
    "option twice": ("record sim:?seed=1&seed=2 --out OUT/r", 2, '"seed" is given twice'),
    "no such series": ("record IN/dark.npy?series=9 --out OUT/r", 2, 'has no series "9"'),
    "rate of nothing": ("record IN/dark.npy?fps=0 --out OUT/r", 2, "fps must be 0.0001 to"),
    "two series": ("record IN/sizes --out OUT/r --json", 2, "holds 2 series ('20x30', '48x40')"),
    "nothing usable": ("record IN/nan.npy --out OUT/r --json", 1, "gave no usable frame"),
    # where it is to be written
    "hits over a recording": (
        "replay IN/dark.npy --out IN/dark.npy --json",
        2,
        "is not a hits file and is not overwritten",
    ),
    "hits over frames": ("replay IN/native --out IN/native/frames.jsonl", 2, "not overwritten"),
    "hits in a folder": ("replay IN/dark.npy --out IN --json", 2, "is a folder; name a file"),
    "hits nowhere": ("replay IN/dark.npy --out OUT/no/hits.jsonl --json", 1, "can't write hits"),
    "hits in a file": ("replay IN/dark.npy --out IN/dark.fits/hits --json", 1, "Not a directory"),
    "calibration over a recording": (
        "calibrate IN/dark.npy --out IN/dark.npy --json",
        2,
        "is not a calibration and is not overwritten",
    ),
    "calibration in a folder": ("calibrate IN/dark.npy --out IN", 2, "is a folder; name a file"),
    "calibration in a file": ("calibrate IN/dark.npy --out IN/dark.fits/c", 1, "can't be"),
    "picture over a picture": (
        "calibrate show IN/good.cal --picture IN/one.png --json",
        2,
        "is not a picture of a calibration and is not overwritten",
    ),
    "picture over the calibration": (
        "calibrate show IN/good.cal --picture IN/good.cal",
        2,
        "not overwritten",
    ),
    "picture nowhere": ("calibrate show IN/good.cal --picture OUT/no/a.png", 1, "can't be written"),
    "simulation over a recording": ("simulate --out IN/native --json", 2, "is not empty"),
    "simulation over a file": ("simulate --out IN/dark.npy --json", 2, "is no folder"),
    "recording over a folder": ("record sim: --out IN --json", 2, "is not empty"),
    "export over a recording": (
        "hits export IN/hits.jsonl --out IN/dark.npy --json",
        1,
        "already there",
    ),
    # numbers and names
    "no workers": ("replay IN/dark.npy --workers 0 --json", 2, "--workers"),
    "fewer workers": ("replay IN/dark.npy --workers -1 --json", 2, "--workers"),
    "many workers": ("replay IN/dark.npy --workers many --json", 2, "--workers"),
    "a thousand workers": ("replay IN/dark.npy --workers 1000 --json", 2, "--workers"),
    "odd preset": ("replay IN/dark.npy --preset fast --json", 2, 'must be "default" or "credo"'),
    "no frames": ("simulate --out OUT/s --frames 0 --json", 2, "--frames"),
    "half a frame": ("simulate --out OUT/s --frames 0.5 --json", 2, "--frames"),
    "seed below zero": ("simulate --out OUT/s --seed -1 --json", 2, "--seed"),
    "huge seed": ("simulate --out OUT/s --seed 99999999999999999999 --json", 2, "seed must be"),
    "rate of words": ("simulate --out OUT/s --set hits_per_min=abc", 2, "expected a number"),
    "rate of nan": ("simulate --out OUT/s --set hits_per_min=nan", 2, "expected a number"),
    "rate below zero": ("simulate --out OUT/s --set hits_per_min=-1", 2, "must be 0 to"),
    "frames elsewhere": ("simulate --out OUT/s --set frames=3", 2, "is --frames"),
    "small sensor": ("simulate --out OUT/s --set width=2", 2, "width_px must be 16 to 8192"),
    "nothing ever arrives": (
        "simulate --out OUT/s --frames 3 --set drop_rate=1",
        1,
        "gave no usable frame",
    ),
    "no time": ("record sim: --out OUT/r --duration 0 --json", 2, "--duration"),
    "time of nan": ("record sim: --out OUT/r --duration nan --json", 2, "--duration"),
    "time of words": ("record sim: --out OUT/r --duration long --json", 2, "--duration"),
    "too few to calibrate": ("calibrate IN/dark.npy --out OUT/c --frames 2", 2, "--frames"),
    "too many to calibrate": (
        "calibrate IN/dark.npy --out OUT/c --frames 9999999",
        2,
        "must be a whole number",
    ),
    "missing argument": ("replay --json", 2, "Missing argument"),
    "missing option": ("calibrate IN/dark.npy", 2, "Missing option '--out'"),
    "one argument more": ("replay IN/dark.npy IN/two.npy", 2, "unexpected extra argument"),
    "misspelt option": ("replay IN/dark.npy --jsno", 2, "No such option: --jsno"),
    "misspelt command": ("replya IN/dark.npy", 2, "Did you mean 'replay'?"),
    "empty path": ("replay IN/dark.npy --out=", 2, "--out is empty; is a shell variable not set?"),
    # calibrations
    "no calibration": ("replay IN/dark.npy --calibration IN/no.cal", 1, "no such calibration"),
    "words for a calibration": (
        "replay IN/dark.npy --calibration IN/words.cal --json",
        1,
        "words.cal: not a calibration, or a damaged one; calibrate again",
    ),
    "stack for a calibration": (
        "replay IN/dark.npy --calibration IN/dark.npy --json",
        1,
        "not a calibration",
    ),
    "folder for a calibration": (
        "replay IN/dark.npy --calibration IN",
        1,
        "can't be read (Is a directory)",
    ),
    "damaged calibration": (
        "replay IN/dark.npy --calibration IN/flipped.cal --json",
        1,
        "flipped.cal: ",
    ),
    "truncated calibration": ("calibrate show IN/cut.cal --json", 1, "cut.cal: not a calibration"),
    "another sensor's calibration": (
        "replay IN/native --calibration IN/good.cal --json",
        1,
        "the calibration is of another mode: sensor is simulated",
    ),
    "calibration for credo": (
        "replay IN/dark.npy --calibration IN/good.cal --preset credo",
        2,
        "leave --calibration out",
    ),
    "calibration of two series": ("calibrate IN/sizes --out OUT/c", 2, "holds 2 series"),
    "calibration of light": ("calibrate IN/light.npy --out OUT/c", 1, "12 too light"),
    "calibration of nan": ("calibrate IN/nan.npy --out OUT/c --json", 1, "8 not finite"),
    "calibration of two frames": ("calibrate IN/two.npy --out OUT/c", 1, "2 dark frames are too"),
    # configuration
    "no configuration": ("replay IN/dark.npy --config IN/no.toml", 2, "no.toml: no such file"),
    "wrong key": (
        "replay IN/dark.npy --config IN/key.toml --json",
        2,
        'key.toml:2: [hold] has no key "frame"; did you mean "frames"?',
    ),
    "wrong unit": (
        "replay IN/dark.npy --config IN/unit.toml --json",
        2,
        'did you mean "period_s" (another unit)?',
    ),
    "wrong value": ("config show --config IN/value.toml", 2, "value.toml:2: [crop] size_px must"),
    "wrong name": ("run --config IN/rig.toml --source sim:", 2, "1 to 64 of a-z, 0-9 and -"),
    "no TOML": ("config check --config IN/broken.toml", 2, "broken.toml:1: not TOML"),
    "folder as configuration": ("config show --config IN --json", 2, "can't be read"),
    # live
    "odd broker": ("run --source sim: --broker localhost", 2, "must be mqtt://host[:port]"),
    "password in the URL": ("run --source sim: --broker mqtt://a:b@c", 2, "no password"),
    "state in a file": (
        "run --source sim: --state-dir IN/not-a-state --json",
        1,
        "can't be written",
    ),
    "demo in a file": ("demo --state-dir IN/not-a-state --duration 1 --json", 1, "not-a-state"),
    "demo of nothing": ("demo --source nothing: --duration 1 --json", 2, "unknown source"),
    "run for nan": ("run --source sim: --duration nan --json", 2, "--duration"),
    "run of junk": ("run --source IN/noise.npy --state-dir OUT --json", 1, "noise.npy"),
    # the server's end, and what was found
    "broker without scheme": ("collect --broker host --db OUT/x.sqlite", 2, "mqtt://"),
    "database in a file": ("collect --broker mqtt://h --db IN/dark.npy/x", 1, "no folder"),
    "recording as database": ("collect --broker mqtt://h --db IN/dark.npy", 1, "no database"),
    "no hits": ("hits list IN/no.jsonl --json", 1, "no such hits file or state folder"),
    "recording as hits": ("hits list IN/dark.npy --json", 1, "no hits file"),
    "state without a rig": ("hits list --state-dir IN --json", 1, "no rig has run here"),
    "odd class": ("hits list IN/hits.jsonl --class muon", 2, "--class"),
    "odd time": ("hits list IN/hits.jsonl --since noon", 2, "--since 'noon'"),
    "odd limit": ("hits list IN/hits.jsonl --limit -3", 2, "--limit"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_use_is_one_line_and_leaves_what_was_stored(
    call: Call, given: Path, tmp_path: Path, name: str
) -> None:
    arguments, code, words = CASES[name]
    check_refused(call, arguments, code, words.replace("IN", str(given)), given, tmp_path)


def test_a_replay_that_fails_leaves_the_hits_of_the_one_before(
    call: Call, given: Path, tmp_path: Path
) -> None:
    out = tmp_path / "hits.jsonl"
    assert call("replay", str(given / "dark.npy"), "--out", str(out))[0] == 0
    before = stored(tmp_path)
    for bad in ("nan.npy", "light.npy", "empty.fits"):
        assert call("replay", str(given / bad), "--out", str(out))[0] == 1
        assert stored(tmp_path) == before


def test_wrong_settings_are_checked_all_at_once(call: Call, given: Path) -> None:
    code, printed, said = call("config", "check", "--config", str(given / "key.toml"), "--json")
    assert (code, said) == (2, "")
    assert json.loads(printed)["problems"][0]["line"] == 2


@pytest.mark.parametrize("arguments", [["replay", "nothing"], ["simulate", "--frames", "0"]])
def test_a_process_of_its_own_says_the_same(tmp_path: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("cosmic-edge: ")
    assert done.stderr.count("\n") == 1
