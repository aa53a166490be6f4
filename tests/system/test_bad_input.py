"""Whatever a newcomer gets wrong: one clear line, and nothing that was stored is lost."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from calibration.store import load
from edge.cli.main import main
from edge.sources import open_recording
from tests.edge.stacks import dark, read
from tests.system import bad_inputs

fits = pytest.importorskip("astropy.io.fits")
tifffile = pytest.importorskip("tifffile")
pytest.importorskip("rawpy")

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of bad inputs, and a good calibration."""
    folder = tmp_path_factory.mktemp("given")
    bad_inputs.make(folder)
    assert main(["calibrate", str(folder / "dark.npy"), "--out", str(folder / "good.cal")]) == 0
    content = bytearray((folder / "good.cal").read_bytes())
    content[len(content) // 2] ^= 255
    (folder / "flipped.cal").write_bytes(content)
    bad_inputs.cut(folder / "good.cal", folder / "cut.cal", 0.7)
    return folder


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Run a command in this process: exit code, standard output, standard error."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(list(arguments))
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def stored(folder: Path) -> dict[str, str]:
    """Every file below a folder, by its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def check_refused(
    call: Call, arguments: str, code: int, words: str, given: Path, out: Path
) -> None:
    """See that a command line is refused in one line that says `words`."""
    before = stored(given)
    filled = [part.replace("IN", str(given)).replace("OUT", str(out)) for part in arguments.split()]
    returned, printed, said = call(*filled)
    assert said.count("\n") == 1, said
    assert said.startswith("cosmic-edge: ")
    assert "Traceback" not in said
    assert "internal error" not in said
    assert words in said
    assert returned == code
    assert printed == ""
    assert stored(given) == before


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


class TestGoodAmongBad:
    """A single bad frame is counted and skipped; the others are processed, and the sums hold."""

    def replayed(self, call: Call, recording: Path, out: Path) -> dict[str, Any]:
        code, printed, said = call("replay", str(recording), "--out", str(out), "--json")
        assert code == 0, said
        summary = json.loads(printed)
        assert summary["expected"] == summary["received"] + summary["missing"]
        assert summary["received"] == summary["processed"] + summary["bad"]
        hits, records, _ = read(out)
        assert sum(record["frames"]["bad"] for record in records) == summary["bad"]
        assert len(hits) == summary["hits"]
        return {**summary, "at": [(hit["frame"], hit["y_px"], hit["x_px"]) for hit in hits]}

    @pytest.fixture
    def struck(self) -> np.ndarray:
        """Twelve frames with a particle in the tenth."""
        stack = dark(12)
        stack[9, 20, 30] = 4000
        return stack

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_nan_in_one_frame_of_floats(
        self, call: Call, tmp_path: Path, struck: np.ndarray, bad: float
    ) -> None:
        values = struck.astype(np.float32)
        values[4, 7, 7] = bad
        np.save(tmp_path / "f.npy", values)
        fits.PrimaryHDU(values).writeto(tmp_path / "f.fits")
        tifffile.imwrite(tmp_path / "f.tif", values, photometric="minisblack")
        for name in ("f.npy", "f.fits", "f.tif"):
            done = self.replayed(call, tmp_path / name, tmp_path / f"{name}.hits")
            assert done["bad_by_reason"] == {"not_finite": 1}
            assert (done["processed"], done["at"]) == (11, [(9, 20, 30)])

    def test_one_frame_of_one_value(self, call: Call, tmp_path: Path, struck: np.ndarray) -> None:
        struck[4] = 100
        np.save(tmp_path / "dark.npy", struck)
        done = self.replayed(call, tmp_path / "dark.npy", tmp_path / "hits")
        assert done["bad_by_reason"] == {"all_equal": 1}
        assert (done["processed"], done["at"]) == (11, [(9, 20, 30)])

    def test_a_page_of_another_size_and_one_of_another_depth(
        self, call: Call, tmp_path: Path, struck: np.ndarray
    ) -> None:
        pages = [*struck[:4], dark(1, 30, 30)[0], *struck[4:], dark(1, dtype=np.uint8)[0]]
        with tifffile.TiffWriter(tmp_path / "dark.tif") as tiff:
            for page in pages:
                tiff.write(page, contiguous=False, photometric="minisblack")
        done = self.replayed(call, tmp_path / "dark.tif", tmp_path / "hits")
        assert done["bad_by_reason"] == {"changed_depth": 1, "changed_size": 1}
        assert (done["processed"], done["at"]) == (12, [(10, 20, 30)])

    def test_a_damaged_file_amid_good_ones(
        self, call: Call, tmp_path: Path, struck: np.ndarray
    ) -> None:
        folder = tmp_path / "darks"
        folder.mkdir()
        for number, frame in enumerate(struck):
            cv2.imwrite(str(folder / f"dark_{number}.png"), frame)
        (folder / "dark_4.png").write_bytes((folder / "dark_4.png").read_bytes()[:900])
        (folder / "dark_5.png").write_bytes(b"")
        done = self.replayed(call, folder, tmp_path / "hits")
        assert done["bad_by_reason"] == {"bad_header": 1, "truncated": 1}
        assert (done["processed"], done["at"]) == (10, [(9, 20, 30)])

    def test_a_stack_that_was_cut_off_says_so(
        self, call: Call, given: Path, tmp_path: Path
    ) -> None:
        code, printed, said = call("replay", str(given / "cut.npy"), "--json")
        assert code == 0
        assert said == "cosmic-edge: cut.npy: cut off: 7 of 12 frames are missing\n"
        summary = json.loads(printed)
        assert (summary["processed"], summary["bad_by_reason"]) == (5, {"truncated": 7})
        assert summary["notes"] == ["cut.npy: cut off: 7 of 12 frames are missing"]

    def test_bad_and_lost_frames_of_a_native_recording(self, call: Call, tmp_path: Path) -> None:
        out = ["--out", str(tmp_path / "sim"), "--frames", "200"]
        settings = ["--set", "drop_rate=0.1", "--set", "bad_rate=0.1", "--set", "width=64"]
        made = call("simulate", *out, *settings, "--json")
        written = json.loads(made[1])
        done = self.replayed(call, tmp_path / "sim", tmp_path / "hits")
        assert written["bad"] == done["bad"] > 5
        assert written["missing"] == done["missing"] > 5
        assert done["expected"] == 200

    def test_sizes_that_differ_in_a_folder_are_series(
        self, call: Call, given: Path, tmp_path: Path
    ) -> None:
        done = self.replayed(call, given / "sizes", tmp_path / "hits")
        assert done["series"] == ["20x30", "48x40"]
        assert (done["processed"], done["bad"], done["notes"]) == (12, 0, [])


def test_fits_with_bzero_is_read_as_the_unsigned_values_it_means(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 65_536, (3, 30, 40), np.uint16)
    values[0, 0, :4] = 0, 1, 32_768, 65_535
    fits.PrimaryHDU(values).writeto(tmp_path / "u16.fits")
    assert fits.getheader(tmp_path / "u16.fits")["BZERO"] == 32_768
    (series,) = open_recording(tmp_path / "u16.fits").series()
    frames = list(series.frames())
    assert all(frame.pixels.dtype == np.uint16 for frame in frames)
    assert np.array_equal([frame.pixels for frame in frames], values)
    assert series.mode.conversion == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_hits_into_a_device_that_is_full_are_one_line(
    call: Call, given: Path, tmp_path: Path
) -> None:
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    shutil.copy(given / "dark.npy", tmp_path / "struck.npy")
    stack = np.load(tmp_path / "struck.npy")
    stack[6, 20, 30] = 4000
    np.save(tmp_path / "struck.npy", stack)
    code, printed, said = call("replay", str(tmp_path / "struck.npy"), "--out", str(full), "--json")
    assert (code, printed) == (1, "")
    assert said == (
        f"cosmic-edge: {full}: can't write hits (No space left on device); choose another --out\n"
    )
    assert full.is_symlink()
    assert Path("/dev/full").is_char_device()


def on_a_small_disk(most_bytes: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that can write no file larger than this: a disk that is full."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    return subprocess.run(
        [sys.executable, "-m", "edge.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=limit,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},  # its cache would not fit either
    )


class TestFullDisk:
    def test_a_recording_keeps_what_fitted(self, call: Call, tmp_path: Path) -> None:
        out = tmp_path / "sim"
        done = on_a_small_disk(
            100_000, "simulate", "--out", str(out), "--frames", "50", "--set", "width=64"
        )
        assert done.returncode == 1, done.stderr
        assert done.stderr.startswith(f"cosmic-edge: {out}: can't write the recording: File too")
        assert done.stderr.count("\n") == 1
        code, printed, said = call("replay", str(out), "--json")
        assert code == 0
        assert said == "cosmic-edge: sim: was not closed; 3 frames are whole\n"
        assert json.loads(printed)["processed"] == 3

    def test_a_calibration_leaves_the_one_before(self, given: Path, tmp_path: Path) -> None:
        out = tmp_path / "good.cal"
        shutil.copy(given / "good.cal", out)
        before = stored(tmp_path)
        done = on_a_small_disk(5000, "calibrate", str(given / "dark.npy"), "--out", str(out))
        assert done.returncode == 1
        assert done.stderr == f"cosmic-edge: {out}: can't be written (File too large)\n"
        assert stored(tmp_path) == before
        assert load(out).frames_used == 12

    def test_hits_leave_those_of_the_replay_before(self, given: Path, tmp_path: Path) -> None:
        shutil.copy(given / "hits.jsonl", tmp_path / "hits.jsonl")
        before = stored(tmp_path)
        out = str(tmp_path / "hits.jsonl")
        done = on_a_small_disk(100, "replay", str(given / "dark.npy"), "--out", out, "--json")
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith(f"cosmic-edge: {out}: can't write hits (File too large)")
        assert stored(tmp_path) == before


def test_a_broker_that_is_not_there_costs_a_run_nothing_but_its_exit_code(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.live.session.DRAIN_S", 0.3)
    run = ["run", "--source", "sim:?paced=0&frames=20", "--broker", "mqtt://127.0.0.1:1"]
    code, printed, said = call(*run, "--state-dir", str(tmp_path), "--json")
    assert code == 1
    summary = json.loads(printed)
    assert (summary["received"], summary["connected"]) == (20, False)
    *_, last = said.splitlines()
    assert last == (
        f"cosmic-edge: mqtt://127.0.0.1:1 never let this rig in: {summary['outbox']} messages "
        f"wait in {tmp_path}"
    )
    assert all(line.startswith("cosmic-edge: ") for line in said.splitlines())
    # Nothing is lost: the next run still owes it.
    code, printed, _ = call(*run, "--state-dir", str(tmp_path), "--json")
    assert json.loads(printed)["outbox"] > summary["outbox"]


def test_a_damaged_outbox_is_set_aside_and_the_rig_goes_on(
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("edge.live.session.DRAIN_S", 0.3)
    junk = np.random.default_rng(1).bytes(5000)
    (tmp_path / "rig.sqlite").write_bytes(junk)
    run = ["run", "--source", "sim:?paced=0&frames=20", "--broker", "mqtt://127.0.0.1:1"]
    _, printed, _ = call(*run, "--state-dir", str(tmp_path), "--json")
    assert json.loads(printed)["received"] == 20
    assert f"outbox {tmp_path}/rig.sqlite is damaged (file is not a database)" in caplog.text
    assert (tmp_path / "rig.sqlite.damaged-1").read_bytes() == junk


def test_a_run_without_a_usable_frame_says_what_came(
    call: Call, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.live.session.DRAIN_S", 0.3)
    run = ["run", "--source", str(given / "nan.npy"), "--broker", "mqtt://127.0.0.1:1"]
    code, printed, said = call(*run, "--state-dir", str(tmp_path), "--json")
    assert (code, printed) == (1, "")
    assert said.splitlines()[-1].endswith("none of 8 frames could be used (8 not finite)")


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
