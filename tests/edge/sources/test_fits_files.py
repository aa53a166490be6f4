from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.errors import Failed
from edge.frame import Frame
from edge.sources import open_recording
from tests.edge.sources.reading import only_series, outline, stack

fits = pytest.importorskip("astropy.io.fits")


def write(path: Path, values: NDArray[np.generic] | None, **cards: object) -> None:
    hdu = fits.PrimaryHDU(values)
    hdu.header.update({key.replace("_", "-"): value for key, value in cards.items()})
    hdu.writeto(path, overwrite=True)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    hnp.arrays(st.sampled_from(["u1", "u2"]), hnp.array_shapes(min_dims=2, max_dims=3, max_side=6)),
    st.sampled_from([".fits", ".fit", ".fts", ".fits.gz"]),
)
def test_images_and_cubes_are_read_back_as_written(
    tmp_path: Path, values: NDArray[np.uint16], ending: str
) -> None:
    path = tmp_path / f"x{ending}"
    write(path, values)
    series = only_series(path)
    assert series.mode.bit_depth == 8 * values.dtype.itemsize
    np.testing.assert_array_equal(stack(series), values if values.ndim == 3 else values[None])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "uint32", "int64"])
def test_integers_of_any_width_are_exact(tmp_path: Path, dtype: str) -> None:
    values = np.array([[[0, 1], [99, 127]]] * 2, dtype)
    write(tmp_path / "x.fits", values)
    np.testing.assert_array_equal(stack(only_series(tmp_path / "x.fits")), values)


def test_bzero_gives_the_full_unsigned_range(tmp_path: Path) -> None:
    values = np.array([[0, 1, 32767], [32768, 65534, 65535]], np.uint16)
    write(tmp_path / "x.fits", values)
    assert fits.getheader(tmp_path / "x.fits")["BZERO"] == 32768
    series = only_series(tmp_path / "x.fits")
    assert stack(series).dtype == np.uint16
    np.testing.assert_array_equal(stack(series)[0], values)


def test_other_bscale_and_bzero_are_applied_exactly(tmp_path: Path) -> None:
    hdu = fits.PrimaryHDU(np.array([[0, 1], [2, 3]], np.int16))
    hdu.header["BSCALE"], hdu.header["BZERO"] = 2, 1000
    hdu.writeto(tmp_path / "x.fits")
    assert stack(only_series(tmp_path / "x.fits"))[0].tolist() == [[1000, 1002], [1004, 1006]]


def test_signed_16_bits_without_negative_values_stay_what_they_are(tmp_path: Path) -> None:
    values = np.array([[57, 69], [0, 32767]], np.int16)
    write(tmp_path / "x.fits", values)
    series = only_series(tmp_path / "x.fits")
    assert (series.mode.conversion, series.mode.bit_depth) == ("", 16)
    np.testing.assert_array_equal(stack(series)[0], values)


def test_negative_and_fractional_values_follow_the_stated_rule(tmp_path: Path) -> None:
    write(tmp_path / "x.fits", np.array([[-3.25, 100.5]], np.float32))
    series = only_series(tmp_path / "x.fits")
    assert series.mode.conversion == "rounded+offset+1024"
    assert stack(series)[0].tolist() == [[1021, 1124]]


def test_a_plane_with_nan_is_bad(tmp_path: Path) -> None:
    values = np.ones((3, 2, 2), np.float32)
    values[1, 0, 0] = np.nan
    write(tmp_path / "x.fits", values)
    assert outline(only_series(tmp_path / "x.fits")) == ["ok", "not_finite", "ok"]


def test_the_header_becomes_mode_and_frame(tmp_path: Path) -> None:
    write(
        tmp_path / "x.fits",
        np.zeros((4, 6), np.uint16),
        EXPTIME=60.0,
        SET_TEMP=-5.0,
        CCD_TEMP=-4.8,
        DATE_OBS="2017-09-08T20:48:41.901",
        INSTRUME="SBIG STL-1001",
        EGAIN=2.06,
        XPIXSZ=24.0,
        YPIXSZ=24.0,
        DATAMAX=4095,
        BAYERPAT="RGGB",
    )
    series = only_series(tmp_path / "x.fits")
    (frame,) = series.frames()
    assert isinstance(frame, Frame)
    mode = series.mode
    assert (mode.width_px, mode.height_px, mode.bit_depth) == (6, 4, 12)
    assert (mode.sensor, mode.gain, mode.cfa) == ("SBIG STL-1001", 2.06, "RGGB")
    assert (mode.exposure_ns, mode.set_temperature_c) == (60_000_000_000, -5.0)
    assert mode.pixel_pitch_um == 24.0
    assert frame.exposure_ns == 60_000_000_000
    assert frame.temperature_c == -4.8
    assert frame.utc_ns == 1_504_903_721_901_000_000
    assert frame.sensor_time_ns is None
    assert frame.origin == "recording"
    assert series.name == "6x4 60 s -5 C"


def test_headers_may_say_nothing(tmp_path: Path) -> None:
    write(tmp_path / "x.fits", np.zeros((4, 6), np.uint16))
    series = only_series(tmp_path / "x.fits")
    (frame,) = series.frames()
    assert isinstance(frame, Frame)
    assert series.name == "6x4"
    assert (series.mode.exposure_ns, series.mode.gain, series.mode.sensor) == (None, None, "")
    assert (frame.utc_ns, frame.exposure_ns, frame.temperature_c) == (None, 0, None)


def test_only_the_first_plane_of_a_cube_has_the_stated_time(tmp_path: Path) -> None:
    write(tmp_path / "x.fits", np.zeros((3, 4, 6), np.uint16), DATE_OBS="1970-01-01T00:00:01")
    times = [f.utc_ns for f in only_series(tmp_path / "x.fits").frames() if isinstance(f, Frame)]
    assert times == [1_000_000_000, None, None]


def test_image_extensions_behind_an_empty_primary_are_frames(tmp_path: Path) -> None:
    first, second = np.full((4, 6), 1, np.uint16), np.full((2, 4, 6), 2, np.uint16)
    primary = fits.PrimaryHDU()
    primary.header["EXPTIME"] = 2.5
    table = fits.BinTableHDU.from_columns([fits.Column("a", "I", array=[1])])
    units = fits.HDUList([primary, fits.ImageHDU(first), table, fits.ImageHDU(second)])
    units.writeto(tmp_path / "x.fits")
    series = only_series(tmp_path / "x.fits")
    assert series.mode.exposure_ns == 2_500_000_000
    assert stack(series).max(axis=(1, 2)).tolist() == [1, 2, 2]


def test_an_extension_of_another_size_is_a_bad_frame(tmp_path: Path) -> None:
    sizes = [(4, 6), (5, 6), (4, 6)]
    images = [fits.ImageHDU(np.zeros(size, np.uint16)) for size in sizes]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(tmp_path / "x.fits")
    assert outline(only_series(tmp_path / "x.fits")) == ["ok", "changed_size", "ok"]


def test_tile_compressed_images_are_read(tmp_path: Path) -> None:
    values = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    units = fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(values)])
    units.writeto(tmp_path / "x.fits.fz")
    np.testing.assert_array_equal(stack(only_series(tmp_path / "x.fits.fz"))[0], values)


def test_a_cube_that_was_cut_off_keeps_its_whole_planes(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    write(path, np.zeros((5, 40, 50), np.uint16))
    path.write_bytes(path.read_bytes()[: 2880 + 2 * 4000 + 100])
    assert outline(only_series(path)) == ["ok", "ok", "truncated", "truncated", "truncated"]


@pytest.mark.parametrize("keep", [0, 100, 1000, 2880, 5000])
def test_a_single_file_without_whole_pixels_is_refused_in_one_line(
    tmp_path: Path, keep: int
) -> None:
    path = tmp_path / "x.fits"
    write(path, np.zeros((40, 50), np.uint16))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(Failed) as caught:
        open_recording(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_text_with_a_fits_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.fits").write_text("hello " * 1000)
    with pytest.raises(Failed, match="isn't a whole FITS file"):
        open_recording(tmp_path / "x.fits")


def test_a_file_without_an_image_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.fits", None)
    with pytest.raises(Failed, match="holds no image"):
        open_recording(tmp_path / "x.fits")
