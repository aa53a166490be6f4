"""Damage of any kind ends in one clear line or in bad frames, never in another exception."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import CosmicEdgeError
from edge.frame import BadFrame, Frame
from edge.sources import open_recording
from tests.edge.sources.test_image_files import write_dng

fits = pytest.importorskip("astropy.io.fits")
tifffile = pytest.importorskip("tifffile")
pytest.importorskip("rawpy")

STACK = np.random.default_rng(5).integers(0, 4096, (3, 24, 32), np.uint16)


def make_fits(path: Path) -> None:
    hdu = fits.PrimaryHDU(STACK)
    hdu.header["EXPTIME"], hdu.header["DATE-OBS"] = 1.0, "2017-09-08T20:48:41.901"
    hdu.writeto(path)


def make_tiff(path: Path) -> None:
    with tifffile.TiffWriter(path) as tiff:
        for page in STACK:
            tiff.write(page, contiguous=False, photometric="minisblack", compression="zlib")


MAKERS: dict[str, Callable[[Path], object]] = {
    "x.npy": lambda path: np.save(path, STACK),
    "x.png": lambda path: cv2.imwrite(str(path), STACK[0]),
    "x.fits": make_fits,
    "x.fits.gz": make_fits,
    "x.tif": make_tiff,
    "x.dng": lambda path: write_dng(path, STACK[0]),
}


@pytest.mark.parametrize("name", MAKERS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_damage_is_told_or_counted(tmp_path: Path, name: str, data: st.DataObject) -> None:
    whole = tmp_path / f"whole.{name}"
    if not whole.exists():
        MAKERS[name](whole)
    content = bytearray(whole.read_bytes())
    near_start = st.integers(0, min(len(content) - 1, 600))
    anywhere = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(near_start | anywhere, max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    damaged = tmp_path / name
    damaged.write_bytes(content[: data.draw(anywhere | st.just(len(content)))])
    refusal = outcome(damaged)
    assert "\n" not in refusal
    assert refusal == "" or str(damaged) in refusal


def outcome(path: Path) -> str:
    """Read all of it; the line of the refusal, or ""."""
    try:
        series = open_recording(path).series()
    except CosmicEdgeError as error:
        return str(error)
    for one in series:
        frames = list(one.frames(0, 50))
        assert len(frames) == min(one.count, 50)
        assert all(isinstance(frame, Frame | BadFrame) for frame in frames)
    return ""
