"""Crops: where they are cut, that they are copies, and that PNG keeps every count."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge.crop import crop, decode_png, encode_png
from edge.detection import Crop


def numbered(height: int, width: int) -> np.ndarray:
    """A frame in which every count says where it came from."""
    return np.arange(height * width, dtype=np.uint16).reshape(height, width)


def test_brightest_pixel_lies_at_half_the_size():
    cut = crop(numbered(100, 120), 50, 70)
    assert cut.pixels.shape == (60, 60)
    assert (cut.x0_px, cut.y0_px) == (40, 20)
    assert cut.pixels[30, 30] == 50 * 120 + 70


@pytest.mark.parametrize(
    ("row", "col", "x0", "y0"),
    [
        (0, 0, 0, 0),
        (99, 119, 60, 40),
        (0, 119, 60, 0),
        (30, 30, 0, 0),
        (31, 31, 1, 1),
        (70, 90, 60, 40),
        (69, 89, 59, 39),
    ],
)
def test_crop_is_shifted_inside_at_an_edge_and_never_shrinks(row, col, x0, y0):
    cut = crop(numbered(100, 120), row, col)
    assert (cut.x0_px, cut.y0_px) == (x0, y0)
    assert cut.pixels.shape == (60, 60)


def test_frame_smaller_than_the_crop_is_taken_whole():
    frame = numbered(7, 200)
    cut = crop(frame, 3, 100)
    assert cut.pixels.shape == (7, 60)
    assert (cut.x0_px, cut.y0_px) == (70, 0)
    np.testing.assert_array_equal(cut.pixels, frame[:, 70:130])


def test_crop_is_a_copy_that_outlives_the_buffer():
    frame = numbered(80, 80)
    cut = crop(frame, 40, 40, 4)
    before = cut.pixels.copy()
    frame[:] = 0
    np.testing.assert_array_equal(cut.pixels, before)
    assert cut.pixels.flags.owndata
    assert cut.pixels.flags.c_contiguous


def test_strided_frame_is_cut_right():
    frame = numbered(80, 160)[:, ::2]
    cut = crop(frame, 40, 40, 5)
    np.testing.assert_array_equal(cut.pixels, frame[38:43, 38:43])


@pytest.mark.parametrize(("row", "col"), [(-1, 0), (0, -1), (10, 0), (0, 10)])
def test_pixel_outside_the_frame_is_refused(row, col):
    with pytest.raises(IndexError, match="outside a 10x10 frame"):
        crop(numbered(10, 10), row, col)


def test_size_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1 px"):
        crop(numbered(10, 10), 1, 1, 0)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), height=st.integers(1, 90), width=st.integers(1, 90), size=st.integers(1, 70))
def test_crop_holds_its_pixel_inside_the_frame_at_full_size(data, height, width, size):
    row = data.draw(st.integers(0, height - 1))
    col = data.draw(st.integers(0, width - 1))
    frame = numbered(height, width)
    cut = crop(frame, row, col, size)
    assert cut.pixels.shape == (min(size, height), min(size, width))
    assert cut.x0_px >= 0
    assert cut.y0_px >= 0
    assert cut.pixels[row - cut.y0_px, col - cut.x0_px] == frame[row, col]
    np.testing.assert_array_equal(
        cut.pixels,
        frame[
            cut.y0_px : cut.y0_px + cut.pixels.shape[0],
            cut.x0_px : cut.x0_px + cut.pixels.shape[1],
        ],
    )


@settings(max_examples=60, deadline=None)
@given(
    pixels=st.sampled_from([np.uint8, np.uint16]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=2, max_side=70))
    )
)
def test_png_gives_every_count_and_its_depth_back(pixels):
    png = encode_png(Crop(pixels, 3, 4))
    back = decode_png(png)
    assert back.dtype == pixels.dtype
    np.testing.assert_array_equal(back, pixels)


def test_png_is_grayscale_of_the_crops_depth():
    for dtype, depth in ((np.uint8, 8), (np.uint16, 16)):
        png = encode_png(Crop(np.ones((5, 7), dtype), 0, 0))
        width, height, bits, colour = struct.unpack(">IIBB", png[16:26])
        assert (width, height, bits, colour) == (7, 5, depth, 0)


def test_same_crop_gives_the_same_bytes():
    pixels = np.random.default_rng(1).integers(0, 1024, (60, 60), dtype=np.uint16)
    assert encode_png(Crop(pixels, 0, 0)) == encode_png(Crop(pixels.copy(), 9, 9))


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((0, 4), np.uint8), np.zeros((4, 4), np.float32), np.zeros((4, 4, 3), np.uint8)],
)
def test_what_is_no_crop_is_not_encoded(pixels):
    with pytest.raises(ValueError, match="a crop must be two-dimensional"):
        encode_png(Crop(pixels, 0, 0))


def rgb_png() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0\1\2\3")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "signature is missing"),
        (b"GIF89a", "signature is missing"),
        (encode_png(Crop(np.ones((9, 9), np.uint8), 0, 0))[:20], "not a readable PNG"),
        (rgb_png(), "must be grayscale"),
    ],
)
def test_what_is_no_grayscale_png_is_refused_in_one_line(data, why):
    with pytest.raises(ValueError, match=why):
        decode_png(data)
