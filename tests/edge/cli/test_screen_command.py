"""``screen`` and ``calibrate defects``: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from astropy.io import fits

from edge.cli.main import main

HEIGHT, WIDTH = 96, 128


def dark(seed: int, exposure_s: float = 30.0) -> np.ndarray:
    sensor = np.random.default_rng(7)
    pattern = sensor.gamma(2.0, 3.0, (HEIGHT, WIDTH)) * exposure_s / 30
    pattern.flat[sensor.choice(pattern.size, 400, replace=False)] *= 60
    rng = np.random.default_rng(seed)
    values = rng.normal(1000 + pattern, 5.0)
    return np.clip(np.rint(values), 0, 65_535).astype(np.uint16)


def write(path: Path, pixels: np.ndarray, exposure_s: float = 30.0) -> None:
    header = fits.Header()
    header["EXPTIME"] = exposure_s
    header["SET-TEMP"] = -5.0
    header["INSTRUME"] = "made"
    fits.writeto(path, pixels, header, overwrite=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "darks"
    place.mkdir()
    for n in range(6):
        write(place / f"a{n}.fits", dark(n))
    for n in range(3):
        write(place / f"b{n}.fits", dark(50 + n, 120.0), 120.0)
    return place


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["screen", *arguments, "--json"]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def verdicts(result: dict[str, Any]) -> dict[str, str]:
    return {Path(one["file"]).name: one["verdict"] for one in result["frames"]}


def test_good_frames_of_two_exposures_are_all_good(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = report(capsys, str(folder))
    assert result["bad"] == 0
    assert result["good"] == 9
    assert {one["series"] for one in result["frames"]} == {
        "128x96 30 s -5 C",
        "128x96 120 s -5 C",
    }


def test_bad_frames_are_named_with_their_reason(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "a1.fits", np.roll(dark(1), 3, axis=1))
    lit = dark(4) + np.linspace(0, 60, WIDTH)[None].astype(np.uint16)
    write(folder / "a4.fits", lit)
    result = report(capsys, str(folder))
    reasons = {Path(one["file"]).name: one["reason"] for one in result["frames"]}
    assert {name: why for name, why in reasons.items() if why} == {
        "a1.fits": "shifted",
        "a4.fits": "light",
    }
    assert result["reasons"] == {"light": 1, "shifted": 1}


def test_a_single_frame_of_another_exposure_is_too_few_to_judge(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(3):
        (folder / f"b{n}.fits").unlink()
    write(folder / "c.fits", dark(90, 600.0), 600.0)
    result = report(capsys, str(folder))
    assert verdicts(result)["c.fits"] == "unjudged"
    assert result["unjudged"] == 1
    assert result["bad"] == 0


def test_an_unreadable_file_is_named_and_kept_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (folder / "a2.fits").read_bytes()
    (folder / "a2.fits").write_bytes(whole[: len(whole) // 2])
    (folder / "a3.fits").write_bytes(b"no FITS at all")
    result = report(capsys, str(folder))
    assert verdicts(result)["a2.fits"] == "bad"
    assert verdicts(result)["a3.fits"] == "bad"
    assert result["unreadable"] == 2
    assert result["good"] == 7


@pytest.mark.parametrize("kind", ["csv", "json", "list"])
def test_metrics_against_a_truth(
    folder: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "a1.fits", np.roll(dark(1), 3, axis=1))
    labels = {f"a{n}.fits": "bad" if n in (1, 2) else "good" for n in range(6)}
    truth = tmp_path / "truth"
    if kind == "csv":
        truth.write_text("file,verdict\n" + "".join(f"{k},{v}\n" for k, v in labels.items()))
    elif kind == "json":
        truth.write_text(json.dumps(labels))
    else:
        truth.write_text(json.dumps([{"file": k, "bad": v == "bad"} for k, v in labels.items()]))
    metrics = report(capsys, str(folder), "--truth", str(truth))["metrics"]
    assert metrics["precision"] == 1.0
    assert metrics["recall"] == 0.5
    assert metrics["f1"] == pytest.approx(2 / 3)
    assert metrics["without_truth"] == 3


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "names no files"), ("a.fits,maybe", "maybe"), ("{", "JSON"), ("[1]", "object")],
)
def test_a_truth_that_is_none_is_one_line(
    folder: Path, tmp_path: Path, text: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "truth").write_text(text)
    assert main(["screen", str(folder), "--truth", str(tmp_path / "truth")]) == 2
    said = capsys.readouterr().err
    assert word in said
    assert said.count("\n") == 1


def test_files_named_one_by_one_are_compared_with_each_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "a1.fits", np.roll(dark(1), 3, axis=1))
    result = report(capsys, *(str(folder / f"a{n}.fits") for n in range(6)))
    assert [one["verdict"] for one in result["frames"]].count("bad") == 1


def test_folders_of_folders_and_stacks_are_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "stacks"
    other.mkdir()
    np.save(other / "stack.npy", np.stack([dark(n) for n in range(5)]))
    result = report(capsys, str(tmp_path))
    assert result["good"] == 14
    assert sum("stack.npy#" in one["file"] for one in result["frames"]) == 5


def test_report_and_sheet_are_written_and_a_table_is_printed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, sheet = tmp_path / "report.json", tmp_path / "sheet.png"
    arguments = ["screen", str(folder), "--out", str(out), "--plot", str(sheet)]
    assert main(arguments) == 0
    assert "9 good, 0 bad" in capsys.readouterr().out
    assert json.loads(out.read_text())["good"] == 9
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert main(arguments) == 0  # over its own files


@pytest.mark.parametrize("name", ["--out", "--plot"])
def test_a_frame_is_never_overwritten(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["screen", str(folder), name, str(folder / "a1.fits")]) == 2
    assert "not overwritten" in capsys.readouterr().err


def test_nothing_to_read_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["screen", str(tmp_path / "none")]) == 2
    assert main(["screen", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_defects_go_out_as_a_list_and_come_in_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    frames = np.rint(rng.normal(64, 2, (40, 48, 64))).astype(np.uint16)
    frames[[3, 20], 30, 40] += 300
    np.save(tmp_path / "dark.npy", frames)
    first, listed, second = (str(tmp_path / name) for name in ("a.npz", "d.csv", "b.npz"))
    assert main(["calibrate", str(tmp_path / "dark.npy"), "--out", first, "--json"]) == 0
    assert main(["calibrate", "defects", "export", first, "--out", listed, "--json"]) == 0
    capsys.readouterr()
    assert Path(listed).read_text() == "x,y,kind\n40,30,masked\n"
    with Path(listed).open("a") as file:
        file.write("3,4,dead\n")
    arguments = ["calibrate", str(tmp_path / "dark.npy"), "--out", second, "--defects", listed]
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["masked_px"] == 2


@pytest.mark.parametrize("text", ["3,4,nonsense\n", "900,4\n"])
def test_a_list_that_does_not_fit_is_one_line(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = np.random.default_rng(1).normal(64, 2, (5, 48, 64)).astype(np.uint16)
    np.save(tmp_path / "dark.npy", frames)
    (tmp_path / "d.csv").write_text(text)
    arguments = ["--out", str(tmp_path / "a.npz"), "--defects", str(tmp_path / "d.csv")]
    assert main(["calibrate", str(tmp_path / "dark.npy"), *arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "d.csv" in said or "outside the sensor" in said


def test_a_frame_is_never_taken_for_a_sheet_and_a_sheet_is(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = tmp_path / "dark.png"
    assert cv2.imwrite(str(frame), dark(3))
    before = frame.read_bytes()
    assert main(["screen", str(folder), "--plot", str(frame)]) == 2
    assert "dark.png" in capsys.readouterr().err
    assert frame.read_bytes() == before
    sheet = tmp_path / "sheet.png"
    for _ in range(2):
        assert main(["screen", str(folder), "--plot", str(sheet)]) == 0
    assert cv2.imread(str(sheet)) is not None


def test_an_entry_without_a_verdict_is_refused_and_one_without_a_reason_is_good(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("file,verdict\na0.fits,good\na1.fits,\n")
    assert main(["screen", str(folder), "--truth", str(truth)]) == 2
    assert "a1.fits is ''; expected good or bad" in capsys.readouterr().err
    truth.write_text("file,reason\na0.fits,\na1.fits,shifted\n")
    metrics = report(capsys, str(folder), "--truth", str(truth))["metrics"]
    assert metrics["true_good"] == 1
    assert metrics["missed_bad"] == 1


@pytest.mark.parametrize("command", ["calibrate", "replay"])
def test_a_wrong_list_of_defects_is_named_before_a_frame_is_learned(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "dark.npy", np.stack([dark(n) for n in range(2)]))  # too few to calibrate
    (tmp_path / "d.csv").write_text("no,list\n")
    (tmp_path / "rig.toml").write_text(f'[calibration]\ndefects_file = "{tmp_path / "d.csv"}"\n')
    arguments = [command, str(tmp_path / "dark.npy"), "--config", str(tmp_path / "rig.toml")]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "d.csv" in said
    assert "too few" not in said
