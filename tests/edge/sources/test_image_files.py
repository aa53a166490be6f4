"""PNG, TIFF and DNG files."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.errors import Failed
from edge.frame import Frame
from edge.sources import open_recording
from edge.sources.luma import luma
from tests.edge.sources.reading import only_series, outline, stack

tifffile = pytest.importorskip("tifffile")

COUNTS = hnp.arrays(
    st.sampled_from(["u1", "u2"]), hnp.array_shapes(min_dims=2, max_dims=2, max_side=7)
)
QUIET = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUIET
@given(COUNTS)
def test_a_grey_png_is_read_back_as_written(tmp_path: Path, values: NDArray[np.uint16]) -> None:
    path = tmp_path / "x.png"
    assert cv2.imwrite(str(path), values)
    series = only_series(path)
    assert (series.mode.bit_depth, series.mode.conversion) == (8 * values.dtype.itemsize, "")
    np.testing.assert_array_equal(stack(series)[0], values)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_a_colour_png_becomes_luma_and_says_so(
    tmp_path: Path, dtype: type[np.uint16], channels: int
) -> None:
    full = np.iinfo(dtype).max
    bgr = np.random.default_rng(1).integers(0, full, (5, 7, channels), dtype, endpoint=True)
    assert cv2.imwrite(str(tmp_path / "x.png"), bgr)
    series = only_series(tmp_path / "x.png")
    assert series.mode.conversion == "luma"
    expected = luma(bgr[..., 2], bgr[..., 1], bgr[..., 0])
    np.testing.assert_array_equal(stack(series)[0], expected)


def test_a_palette_and_grey_with_alpha_are_read(tmp_path: Path) -> None:
    palette = chunk(b"PLTE", bytes([0, 0, 0, 255, 255, 255]))
    write_png(tmp_path / "p.png", 3, b"\x00\x00\x01\x00\x01\x00", palette)
    series = only_series(tmp_path / "p.png")
    assert series.mode.conversion == "luma"
    assert stack(series)[0].tolist() == [[0, 255], [255, 0]]
    write_png(tmp_path / "a.png", 4, b"\x00\x05\xff\x06\x00\x00\x07\xff\x08\xff")
    series = only_series(tmp_path / "a.png")
    assert series.mode.conversion == ""
    assert stack(series)[0].tolist() == [[5, 6], [7, 8]]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path: Path, colour_type: int, rows: bytes, between: bytes = b"") -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, colour_type, 0, 0, 0))
    end = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + between + end)


@pytest.mark.parametrize("keep", [0, 20, 33, 60, -12, -1])
def test_a_png_that_was_cut_off_is_refused_in_one_line(
    tmp_path: Path, keep: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), np.random.default_rng(1).integers(0, 255, (30, 30), np.uint8))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(Failed, match=r"x\.png: "):
        open_recording(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("bits", "colour_type"), [(13, 0), (16, 3), (4, 2), (8, 5)])
def test_a_png_of_a_depth_there_is_none_of_is_refused_without_another_word(
    tmp_path: Path, bits: int, colour_type: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), np.zeros((4, 4), np.uint8))
    content = bytearray(path.read_bytes())
    content[24:26] = bytes([bits, colour_type])
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(Failed, match=f"states {bits} bits of colour type {colour_type}"):
        open_recording(path)
    assert capfd.readouterr().err == ""


def test_a_png_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), np.zeros((30, 30), np.uint8))
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)
    with pytest.raises(Failed, match="checksum"):
        open_recording(path)


@QUIET
@given(
    hnp.arrays(st.sampled_from(["u1", "u2"]), hnp.array_shapes(min_dims=3, max_dims=3, max_side=6)),
    st.sampled_from(["<", ">"]),
    st.booleans(),
)
def test_every_page_of_a_tiff_is_a_frame(
    tmp_path: Path, values: NDArray[np.uint16], order: str, big: bool
) -> None:
    path = tmp_path / "x.tif"
    with tifffile.TiffWriter(path, byteorder=order, bigtiff=big) as tiff:
        for page in values:
            tiff.write(page, contiguous=False, photometric="minisblack")
    np.testing.assert_array_equal(stack(only_series(path)), values)
    assert outline(only_series(path)) == ["ok"] * len(values)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_a_colour_tiff_becomes_luma_and_says_so(tmp_path: Path, planar: str) -> None:
    rgb = np.random.default_rng(1).integers(0, 65535, (5, 7, 3), np.uint16)
    stored = rgb if planar == "contig" else np.moveaxis(rgb, -1, 0)
    tifffile.imwrite(tmp_path / "x.tiff", stored, photometric="rgb", planarconfig=planar)
    series = only_series(tmp_path / "x.tiff")
    assert (series.mode.conversion, series.mode.bit_depth, series.count) == ("luma", 16, 1)
    np.testing.assert_array_equal(stack(series)[0], luma(rgb[..., 0], rgb[..., 1], rgb[..., 2]))


def test_a_tiff_where_white_is_zero_is_turned_round(tmp_path: Path) -> None:
    values = np.array([[0, 1], [254, 255]], np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="miniswhite")
    assert stack(only_series(tmp_path / "x.tif"))[0].tolist() == [[255, 254], [1, 0]]


def test_a_palette_tiff_becomes_luma(tmp_path: Path) -> None:
    colours = np.zeros((3, 256), np.uint16)
    colours[:, 1] = 1000
    values = np.array([[0, 1], [1, 0]], np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="palette", colormap=colours)
    assert stack(only_series(tmp_path / "x.tif"))[0].tolist() == [[0, 1000], [1000, 0]]


def test_exposure_and_model_of_a_tiff_are_kept(tmp_path: Path) -> None:
    tags = [(33434, "2I", 1, (1, 4), True), (272, "s", 0, "imx477", True)]
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((2, 3), np.uint16), extratags=tags)
    series = only_series(tmp_path / "x.tif")
    assert (series.mode.sensor, series.mode.exposure_ns) == ("imx477", 250_000_000)


def test_a_compressed_tiff_is_read(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    values = np.arange(64, dtype=np.uint16).reshape(8, 8)
    tifffile.imwrite(tmp_path / "x.tif", values, compression="lzw")
    np.testing.assert_array_equal(stack(only_series(tmp_path / "x.tif"))[0], values)


def test_a_page_of_another_size_or_depth_is_a_bad_frame(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as tiff:
        for values in (np.zeros((4, 5), "u2"), np.zeros((5, 5), "u2"), np.zeros((4, 5), "u1")):
            tiff.write(values, contiguous=False, photometric="minisblack")
    assert outline(only_series(tmp_path / "x.tif")) == ["ok", "changed_size", "changed_depth"]


def test_pages_lost_behind_a_broken_link_are_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.tif"
    with tifffile.TiffWriter(path) as tiff:
        for _ in range(4):
            tiff.write(np.zeros((10, 10), np.uint16), contiguous=False, photometric="minisblack")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    recording = open_recording(path)
    words = outline(recording.series()[0])
    assert words[0] == "ok"
    assert words[-1] == "truncated"
    assert "cut off" in recording.warnings[0]  # type: ignore[attr-defined]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("content", [b"", b"II*\x00", b"no tiff", b"II*\x00\xff\xff\xff\x00"])
def test_a_damaged_tiff_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tif").write_bytes(content)
    with pytest.raises(Failed, match=r"x\.tif: ") as caught:
        open_recording(tmp_path / "x.tif")
    assert "\n" not in str(caught.value)


def write_dng(path: Path, mosaic: NDArray[np.uint16]) -> None:
    """Write the least a DNG reader needs, with the tags a Pi camera's file has."""
    unit = (1, 1)
    identity = [value for n in range(9) for value in ((1, 1) if n % 4 == 0 else (0, 1))]
    tags = [
        (50706, "B", 4, (1, 4, 0, 0), True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, (2, 1, 1, 0), True),
        (50713, "H", 2, unit, True),
        (50714, "H", 1, 256, True),
        (50717, "H", 1, 4095, True),
        (50708, "s", 0, "imx477", True),
        (50721, "2i", 9, tuple(identity), True),
        (50728, "2I", 3, unit * 3, True),
        (33434, "2I", 1, (1, 10), True),
        (34855, "H", 1, 800, True),
        (36867, "s", 0, "2024:05:06 07:08:09", True),
        (36881, "s", 0, "+02:00", True),
    ]
    tifffile.imwrite(path, mosaic, photometric=32803, extratags=tags, metadata=None)


@QUIET
@given(hnp.arrays("u2", (24, 32), elements=st.integers(0, 4095), fill=st.just(256)))
def test_a_dng_gives_its_raw_mosaic(tmp_path: Path, mosaic: NDArray[np.uint16]) -> None:
    pytest.importorskip("rawpy")
    write_dng(tmp_path / "x.dng", mosaic)
    series = only_series(tmp_path / "x.dng")
    np.testing.assert_array_equal(stack(series)[0], mosaic)


def test_the_tags_of_a_dng_become_its_mode(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    write_dng(tmp_path / "x.dng", np.full((24, 32), 300, np.uint16))
    series = only_series(tmp_path / "x.dng")
    mode = series.mode
    assert (mode.sensor, mode.bit_depth, mode.cfa) == ("imx477", 12, "BGGR")
    assert (mode.black_level_adu, mode.gain, mode.exposure_ns) == (256.0, 8.0, 100_000_000)
    (frame,) = series.frames()
    assert isinstance(frame, Frame)
    assert frame.utc_ns == 1_714_972_089 * 10**9  # 05:08:09 UTC


def test_a_dng_that_was_cut_off_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "x.dng"
    write_dng(path, np.zeros((24, 32), np.uint16))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(Failed, match="ends before its pixels"):
        open_recording(path)
    assert capfd.readouterr().err == ""
