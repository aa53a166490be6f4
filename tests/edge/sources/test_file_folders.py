from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import BadUse, Failed
from edge.frame import BadFrame, Frame
from edge.sources import open_recording
from edge.sources.fits import FitsFormat
from edge.sources.folder import FileRecording
from edge.sources.grouping import natural_key
from tests.edge.sources.reading import names, outline

fits = pytest.importorskip("astropy.io.fits")


def png(path: Path, value: int = 0, shape: tuple[int, int] = (8, 10), dtype: str = "u1") -> None:
    cv2.imwrite(str(path), np.full(shape, value, dtype))


def dark(path: Path, value: int = 100, shape: tuple[int, int] = (8, 10), **cards: object) -> None:
    hdu = fits.PrimaryHDU(np.full(shape, value, np.uint16))
    hdu.header.update({key.replace("_", "-"): item for key, item in cards.items()})
    hdu.writeto(path)


def opened(path: Path) -> FileRecording:
    recording = open_recording(path)
    assert isinstance(recording, FileRecording)
    return recording


def values(recording: FileRecording, number: int = 0) -> list[int]:
    frames = recording.series()[number].frames()
    return [int(frame.pixels[0, 0]) for frame in frames if isinstance(frame, Frame)]


def test_files_lie_in_natural_order_of_their_names(tmp_path: Path) -> None:
    for number in (1, 2, 10, 9, 100):
        png(tmp_path / f"frame_{number}.png", number)
    recording = opened(tmp_path)
    assert names(recording) == [("10x8", 5)]
    assert values(recording) == [1, 2, 9, 10, 100]
    assert outline(recording.series()[0]) == ["ok"] * 5


@given(st.lists(st.text(alphabet="aB1209_.", min_size=1, max_size=8), max_size=8))
def test_natural_order_sorts_any_names(given_names: list[str]) -> None:
    backwards = list(reversed(given_names))
    assert sorted(given_names, key=natural_key) == sorted(backwards, key=natural_key)


def test_series_are_told_apart_and_sorted_by_size_exposure_temperature(tmp_path: Path) -> None:
    dark(tmp_path / "a.fits", 1, (8, 12), EXPTIME=1, SET_TEMP=-5)
    dark(tmp_path / "b.fits", 2, EXPTIME=60, SET_TEMP=-5)
    dark(tmp_path / "c.fits", 3, EXPTIME=60, SET_TEMP=-10)
    dark(tmp_path / "d.fits", 4, EXPTIME=9, SET_TEMP=-5)
    dark(tmp_path / "e.fits", 5)
    dark(tmp_path / "f.fits", 6, EXPTIME=60, SET_TEMP=-5)
    recording = opened(tmp_path)
    assert names(recording) == [
        ("10x8", 1),
        ("10x8 9 s -5 C", 1),
        ("10x8 60 s -10 C", 1),
        ("10x8 60 s -5 C", 2),
        ("12x8 1 s -5 C", 1),
    ]
    assert values(recording, 3) == [2, 6]


def test_a_shutter_that_is_never_quite_exact_makes_one_series(tmp_path: Path) -> None:
    for number, seconds in enumerate((60.0, 60.0004, 59.9998)):
        dark(tmp_path / f"{number}.fits", EXPTIME=seconds)
    recording = opened(tmp_path)
    assert names(recording) == [("10x8 60 s", 3)]
    exposures = [f.exposure_ns for f in recording.series()[0].frames() if isinstance(f, Frame)]
    assert exposures == [60_000_000_000, 60_000_400_000, 59_999_800_000]


def test_depths_and_formats_make_series_whose_names_say_so(tmp_path: Path) -> None:
    png(tmp_path / "a.png")
    png(tmp_path / "b.png", dtype="u2")
    cv2.imwrite(str(tmp_path / "c.png"), np.zeros((8, 10, 3), np.uint8))
    np.save(tmp_path / "d.npy", np.zeros((4, 8, 10), np.int16))
    assert names(opened(tmp_path)) == [
        ("10x8 8 bit mono", 1),
        ("10x8 8 bit luma", 1),
        ("10x8 16 bit int16", 4),
        ("10x8 16 bit uint16", 1),
    ]


def test_names_are_unique_even_where_nothing_shown_differs(tmp_path: Path) -> None:
    dark(tmp_path / "a.fits", SET_TEMP=-5.0, EXPTIME=1, GAIN=1.04)
    dark(tmp_path / "b.fits", SET_TEMP=-5.0, EXPTIME=1, GAIN=1.26)
    found = [name for name, _ in names(opened(tmp_path))]
    assert found == ["10x8 1 s -5 C gain 1.04", "10x8 1 s -5 C gain 1.26"]


def test_stacks_and_single_files_of_a_mode_make_one_series(tmp_path: Path) -> None:
    np.save(tmp_path / "f1.npy", np.array([np.full((8, 10), n, "u1") for n in (1, 2, 3)]))
    png(tmp_path / "f2.png", 4)
    np.save(tmp_path / "f10.npy", np.full((8, 10), 5, "u1"))
    recording = opened(tmp_path)
    assert values(recording) == [1, 2, 3, 4, 5]
    part = [frame.index for frame in recording.series()[0].frames(2, 4)]
    assert part == [2, 3]


def test_what_is_no_frame_is_ignored_and_listed(tmp_path: Path) -> None:
    png(tmp_path / "f.png")
    png(tmp_path / ".hidden.png")
    for name in ("README.md", "index.csv", "f.json"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder.png").mkdir()
    recording = opened(tmp_path)
    assert names(recording) == [("10x8", 1)]
    assert set(recording.ignored) == {
        ".hidden.png",
        "README.md",
        "index.csv",
        "f.json",
        "folder.png",
    }
    assert recording.warnings == ()


def test_a_truncated_file_is_a_bad_frame_in_its_place(tmp_path: Path) -> None:
    for number in range(4):
        dark(tmp_path / f"{number}.fits", EXPTIME=60)
        dark(tmp_path / f"long{number}.fits", EXPTIME=360)
    whole = (tmp_path / "2.fits").read_bytes()
    (tmp_path / "2.fits").write_bytes(whole[:2950])
    recording = opened(tmp_path)
    assert names(recording) == [("10x8 60 s", 4), ("10x8 360 s", 4)]
    assert outline(recording.series()[0]) == ["ok", "ok", "truncated", "ok"]
    bad = list(recording.series()[0].frames())[2]
    assert isinstance(bad, BadFrame)
    assert bad.detail.startswith("2.fits: ")


def test_a_file_without_a_header_is_a_bad_frame_of_the_only_series(tmp_path: Path) -> None:
    for number in range(4):
        dark(tmp_path / f"{number}.fits")
    (tmp_path / "1.fits").write_bytes(b"")
    (tmp_path / "2.fits").write_text("nonsense " * 500)
    recording = opened(tmp_path)
    assert outline(recording.series()[0]) == ["ok", "unreadable", "unreadable", "ok"]
    assert recording.warnings == ()


def test_a_file_without_a_header_is_left_out_where_several_series_could_be_its_own(
    tmp_path: Path,
) -> None:
    dark(tmp_path / "a.fits", EXPTIME=1)
    dark(tmp_path / "b.fits", EXPTIME=2)
    (tmp_path / "c.fits").write_bytes(b"")
    recording = opened(tmp_path)
    assert names(recording) == [("10x8 1 s", 1), ("10x8 2 s", 1)]
    assert recording.warnings == ("c.fits: isn't a whole FITS file; left out",)


def test_a_file_that_vanishes_is_a_bad_frame(tmp_path: Path) -> None:
    for number in range(3):
        png(tmp_path / f"{number}.png")
    recording = opened(tmp_path)
    (tmp_path / "1.png").unlink()
    assert outline(recording.series()[0]) == ["ok", "unreadable", "ok"]


def test_a_conversion_is_chosen_once_for_a_series(tmp_path: Path) -> None:
    for number, lowest in enumerate((-5, 0, -30)):
        values_adu = np.full((8, 10), 50, np.int16)
        values_adu[0, 0] = lowest
        fits.PrimaryHDU(values_adu).writeto(tmp_path / f"{number}.fits")
    recording = opened(tmp_path)
    assert recording.series()[0].mode.conversion == "offset+1024"
    assert values(recording) == [1019, 1024, 994]


def test_headers_are_read_once_and_pixels_only_when_streamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        dark(tmp_path / f"{number}.fits")
    looked_at: list[str] = []
    inspect, planes = FitsFormat.inspect, FitsFormat.planes

    def counted_inspect(self: FitsFormat, path: Path) -> object:
        looked_at.append(f"header {path.name}")
        return inspect(self, path)

    def counted_planes(self: FitsFormat, path: Path, *rest: object) -> object:
        looked_at.append(f"pixels {path.name}")
        return planes(self, path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(FitsFormat, "inspect", counted_inspect)
    monkeypatch.setattr(FitsFormat, "planes", counted_planes)
    recording = opened(tmp_path)
    (series,) = recording.series()
    assert (series.count, series.mode.width_px) == (5, 10)
    assert looked_at == [f"header {number}.fits" for number in range(5)]
    next(iter(series.frames(3)))
    assert looked_at[5:] == ["pixels 3.fits"]


def test_the_digest_tells_data_not_places(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        png(tmp_path / "a" / f"{number}.png", number)
        shutil.copy(tmp_path / "a" / f"{number}.png", tmp_path / "b")
        png(tmp_path / "c" / f"{number}.png", 2 - number)
    (tmp_path / "b" / "README").write_text("a note changes nothing")
    first = open_recording(tmp_path / "a").digest
    assert len(bytes.fromhex(first)) == 32
    assert open_recording(tmp_path / "b").digest == first
    assert open_recording(tmp_path / "c").digest != first
    (tmp_path / "b" / "0.png").rename(tmp_path / "b" / "9.png")
    assert open_recording(tmp_path / "b").digest != first


def test_the_digest_is_sha256_of_names_and_contents(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.uint8))
    content = hashlib.sha256((tmp_path / "x.npy").read_bytes()).digest()
    expected = hashlib.sha256((5).to_bytes(4, "big") + b"x.npy" + content).hexdigest()
    assert open_recording(tmp_path / "x.npy").digest == expected
    assert open_recording(tmp_path).digest == expected


def test_an_empty_folder_is_bad_use(tmp_path: Path) -> None:
    with pytest.raises(BadUse, match="the folder is empty"):
        open_recording(tmp_path)


def test_a_folder_without_frames_names_its_folders(tmp_path: Path) -> None:
    (tmp_path / "night1").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BadUse, match=r"holds no frames.*it has folders: night1"):
        open_recording(tmp_path)


def test_a_folder_of_nothing_readable_is_bad_use(tmp_path: Path) -> None:
    (tmp_path / "a.fits").write_text("x")
    (tmp_path / "b.png").write_text("x")
    with pytest.raises(BadUse, match=r"none of 2 files can be read \(a.fits: isn't a whole FITS"):
        open_recording(tmp_path)


def test_no_such_path_is_bad_use(tmp_path: Path) -> None:
    with pytest.raises(BadUse, match="no such recording"):
        open_recording(tmp_path / "missing")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    png(tmp_path / "x.png")
    (tmp_path / "x.png").chmod(0)
    with pytest.raises(Failed, match="Permission denied"):
        open_recording(tmp_path / "x.png")


def test_the_real_darks_fall_into_their_series(shared_data: Path) -> None:
    darks = shared_data / "darks"
    assert names(open_recording(darks / "stl1001e")) == [
        ("1024x1024 0 s -5 C", 5),
        ("1024x1024 10 s -10 C", 1),
        ("1024x1024 10 s -5 C", 1),
        ("1024x1024 30 s -10 C", 1),
        ("1024x1024 30 s -5 C", 1),
        ("1024x1024 60 s -5 C", 10),
        ("1024x1024 150 s -10 C", 1),
        ("1024x1024 150 s -5 C", 1),
        ("1024x1024 300 s -10 C", 1),
        ("1024x1024 300 s -5 C", 1),
    ]
    assert names(open_recording(darks / "st402")) == [
        ("765x255 240 s -15 C", 5),
        ("765x255 360 s -15 C", 5),
    ]
    assert names(open_recording(darks / "meudon")) == [("1536x1024", 11)]


def test_the_real_darks_equal_what_astropy_reads(shared_data: Path) -> None:
    folder = shared_data / "darks" / "st402"
    for series, exposure in zip(open_recording(folder).series(), (240, 360), strict=True):
        for frame in series.frames():
            assert isinstance(frame, Frame)
            path = folder / f"dark_{exposure}s_{frame.index}.fits"
            assert frame.pixels.dtype == np.uint16
            np.testing.assert_array_equal(frame.pixels, fits.getdata(path))
            assert frame.utc_ns is not None
            assert frame.exposure_ns == exposure * 10**9


def test_real_frames_without_metadata_are_counts_as_stored(shared_data: Path) -> None:
    (series,) = open_recording(shared_data / "darks" / "meudon").series()
    first, *_, last = (frame for frame in series.frames() if isinstance(frame, Frame))
    assert series.mode.conversion == ""
    assert (int(first.pixels.min()), int(first.pixels.max())) == (59, 2332)
    assert (int(last.pixels.min()), int(last.pixels.max())) == (57, 69)
    assert first.utc_ns is None
