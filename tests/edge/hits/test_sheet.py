"""Contact sheets: what is on them, in which order, and what they leave out."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.cli.main import main
from edge.display.blocks import stretch
from edge.hits import Query, export_hits, open_hits
from edge.hits import sheet as module
from edge.hits.record import StoredHit, parse_hit
from edge.hits.sheet import write_sheet
from edge.messages import encode
from tests.edge.hits.made import message

Write = Callable[..., Path]
SIDE, GAP, HEAD, ROW = 180, 10, 44, 230


def spot(size: int, row: int, col: int, peak: int = 900) -> np.ndarray:
    """A crop with one lit pixel."""
    pixels = np.full((size, size), 64, np.uint16)
    pixels[row, col] = peak
    return pixels


def stored(seq: int, pixels: np.ndarray, **changes: Any) -> StoredHit:
    """A hit whose brightest pixel is the crop's."""
    y, x = np.unravel_index(int(np.argmax(pixels)), pixels.shape)
    place = {"x_px": 100 + int(x), "y_px": 200 + int(y)}
    return parse_hit(encode(message(seq, pixels=pixels, **{**place, **changes})), "test")


def drawn(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def cell(picture: np.ndarray, number: int) -> np.ndarray:
    """Where the crop of the n-th hit lies."""
    top, left = HEAD + number // 10 * ROW, GAP + number % 10 * (SIDE + GAP)
    return picture[top : top + SIDE, left : left + SIDE]


def middle(area: np.ndarray) -> np.ndarray:
    """A crop without the ticks at its border."""
    return area[6:-6, 6:-6]


def bright_place(area: np.ndarray) -> tuple[int, int]:
    """Row and column of the white block, in pixels of the crop."""
    rows, cols = np.nonzero(middle(area).min(axis=2) == 255)
    assert len(rows) == 9, "one pixel, three times as large"
    return (int(rows.min()) + 6) // 3, (int(cols.min()) + 6) // 3


def write(hits: list[StoredHit], path: Path, **options: Any) -> tuple[int, Counter[str]]:
    refused: Counter[str] = Counter()
    count = write_sheet(hits, path, refuse=lambda why: refused.update([why]), **options)
    return count, refused


def test_a_crop_is_stretched_and_three_times_as_large(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    pixels = np.rint(random.normal(64, 3, (60, 60))).astype(np.uint16)
    pixels[30, 25:35] = 500
    assert write([stored(1, pixels)], tmp_path / "s.png") == (1, Counter())
    levels = stretch(pixels, 500).repeat(3, axis=0).repeat(3, axis=1)
    shown = middle(cell(drawn(tmp_path / "s.png"), 0))
    assert np.array_equal(shown, np.dstack([middle(levels)] * 3))


def test_a_hot_pixel_beside_the_hit_does_not_darken_it(tmp_path: Path) -> None:
    pixels = spot(60, 30, 30, peak=300)
    pixels[40, 40] = 60_000
    hit = parse_hit(encode(message(1, pixels=pixels, x_px=130, y_px=230, peak_adu=300)), "test")
    write([hit], tmp_path / "s.png")
    shown = cell(drawn(tmp_path / "s.png"), 0)
    assert (shown[30 * 3 + 1, 30 * 3 + 1] == 255).all()
    assert (shown[40 * 3 + 1, 40 * 3 + 1] == 255).all()


def test_ten_stand_in_a_row_the_largest_sum_first(tmp_path: Path) -> None:
    hits = [stored(n, spot(60, 20, 10 + n), sum_adu=100.0 * (n % 7) + n) for n in range(1, 13)]
    write(hits, tmp_path / "s.png")
    picture = drawn(tmp_path / "s.png")
    assert picture.shape == (HEAD + 2 * ROW, GAP + 10 * (SIDE + GAP), 3)
    wanted = sorted(hits, key=lambda hit: -hit.message.sum_adu)
    assert [bright_place(cell(picture, n)) for n in range(12)] == [hit.peak for hit in wanted]


def test_by_frame_they_stand_as_they_were_made(tmp_path: Path) -> None:
    hits = [stored(n, spot(60, 20, 10 + n), sum_adu=1000.0 * n) for n in range(1, 5)]
    write(hits, tmp_path / "s.png", order="frame")
    picture = drawn(tmp_path / "s.png")
    assert [bright_place(cell(picture, n)) for n in range(4)] == [(20, 10 + n) for n in range(1, 5)]


def test_ticks_point_at_the_brightest_pixel_but_never_cover_it(tmp_path: Path) -> None:
    hits = [stored(1, spot(60, 20, 40), sum_adu=2.0), stored(2, spot(60, 59, 0), sum_adu=1.0)]
    write(hits, tmp_path / "s.png")
    picture = drawn(tmp_path / "s.png")
    inside, corner = cell(picture, 0), cell(picture, 1)
    for area in (inside[61, :6], inside[61, -6:], inside[:6, 121], inside[-6:, 121]):
        assert area.max() > 200, "a tick"
    assert not inside[60, :6].any()
    assert corner[-2, -6:].max() > 200, "a tick, far away"
    assert (corner[-3:, :3] == 255).all()


@pytest.mark.parametrize(("row", "col"), [(256, 300), (0, 511), (511, 3)])
def test_of_a_large_crop_60_px_around_the_peak_are_shown(
    tmp_path: Path, row: int, col: int
) -> None:
    write([stored(1, spot(512, row, col))], tmp_path / "s.png")
    shown = cell(drawn(tmp_path / "s.png"), 0)
    y, x = min(max(row - 30, 0), 452), min(max(col - 30, 0), 452)
    at = shown[(row - y) * 3 + 1, (col - x) * 3 + 1]
    assert (at == 255).all()


def test_a_small_crop_stands_in_the_middle(tmp_path: Path) -> None:
    write([stored(1, spot(20, 10, 10))], tmp_path / "s.png")
    assert bright_place(cell(drawn(tmp_path / "s.png"), 0)) == (20 + 10, 20 + 10)


def test_a_simulated_hit_says_so(tmp_path: Path) -> None:
    def red(origin: str) -> int:
        write([stored(1, spot(60, 30, 30), origin=origin)], tmp_path / "s.png")
        # OpenCV's order; nothing but the word is red.
        blue, _, red = np.moveaxis(drawn(tmp_path / "s.png").astype(int), 2, 0)
        return int(np.count_nonzero(red - blue > 80))

    assert red("camera") == red("recording") == 0
    assert red("simulation") > 20
    assert red("injection") > 20


def test_a_damaged_crop_is_left_out_and_counted(tmp_path: Path) -> None:
    broken = message(1)
    png = bytearray(base64.b64decode(broken["crop"]["data"]))
    png[200:260] = bytes(60)
    broken["crop"]["data"] = base64.b64encode(bytes(png)).decode()
    hits = [parse_hit(encode(broken), "test"), stored(2, spot(60, 30, 30))]
    assert write(hits, tmp_path / "s.png") == (1, Counter(unreadable_crop=1))


@pytest.mark.parametrize(("order", "kept"), [("brightness", [5, 4, 3]), ("frame", [3, 4, 5])])
def test_beyond_the_cap_the_brightest_or_newest_stay_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, kept: list[int]
) -> None:
    monkeypatch.setattr(module, "MOST_HITS", 3)
    hits = [stored(n, spot(60, 20, 10 + n), sum_adu=1.0 * n) for n in range(1, 6)]
    assert write(hits, tmp_path / "s.png", order=order) == (3, Counter(over_1000=2))
    picture = drawn(tmp_path / "s.png")
    assert [bright_place(cell(picture, n)) for n in range(3)] == [(20, 10 + n) for n in kept]


def test_a_thousand_hits_make_one_sheet(tmp_path: Path) -> None:
    hit = stored(1, spot(24, 12, 12))
    assert write([hit] * 1001, tmp_path / "s.png") == (1000, Counter(over_1000=1))
    assert drawn(tmp_path / "s.png").shape == (HEAD + 100 * ROW, GAP + 10 * (SIDE + GAP), 3)


def test_no_hits_make_a_sheet_that_says_so(tmp_path: Path) -> None:
    assert write([], tmp_path / "s.png") == (0, Counter())
    assert drawn(tmp_path / "s.png").shape[0] == HEAD


def test_export_writes_a_rigs_archive_as_a_sheet(tmp_path: Path, write_archive: Write) -> None:
    reader = open_hits(write_archive([message(1), message(2), message(3)]))
    try:
        done = export_hits(reader, Query(), "sheet", tmp_path / "s.png")
    finally:
        reader.close()
    assert (done.exported, done.refused) == (3, {})
    assert cell(drawn(tmp_path / "s.png"), 2).any()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("s.png")] == ["s.png"]


def test_the_command_writes_a_sheet_and_refuses_a_sort_of_tables(
    tmp_path: Path, write_lines: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = write_lines([message(1), message(2)]), tmp_path / "s.png"
    arguments = ["hits", "export", str(source), "--out", str(out), "--json"]
    assert main([*arguments, "--format", "sheet", "--sort", "frame"]) == 0
    assert json.loads(capsys.readouterr().out)["exported"] == 2
    assert out.read_bytes().startswith(b"\x89PNG")
    assert main([*arguments, "--format", "sheet"]) == 1, "there already"
    assert main([*arguments, "--format", "csv", "--sort", "frame", "--force"]) == 2
    assert "--format sheet" in capsys.readouterr().err
