"""Drawing a calibration."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.calibrator import Calibrator
from calibration.derive import ThresholdRequest
from calibration.draw import block_any, block_mean, draw
from calibration.model import Calibration

pytest.importorskip("matplotlib")


def calibration(height: int = 48, width: int = 64, *, hot: bool = True) -> Calibration:
    rng = np.random.default_rng(5)
    mode = {
        "sensor": "imx219",
        "width_px": width,
        "height_px": height,
        "bit_depth": 10,
        "black_level_adu": 64.0,
        "exposure_ns": 33_000_000,
    }
    calibrator = Calibrator(mode)
    for _ in range(24):
        frame = np.rint(rng.normal(64, 3, (height, width))).clip(0, 1023)
        if hot:
            frame[3, 5] += 400
        calibrator.add(frame.astype(np.uint16), 25.0)
    return calibrator.finish(ThresholdRequest(), "2026-05-01T12:00:00Z")


def test_the_picture_is_a_png_with_content_in_every_panel(tmp_path: Path) -> None:
    path = tmp_path / "calibration.png"
    draw(calibration(), path)
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    height, width = picture.shape
    assert width > height > 700
    body = picture[height // 10 :]
    for row in np.array_split(body, 2):
        for panel in np.array_split(row, 3, axis=1):
            assert np.ptp(panel) > 200
            assert panel.std() > 10


def test_the_title_names_sensor_temperature_and_rate(tmp_path: Path) -> None:
    from calibration.draw import _title

    made = calibration()
    title = _title(made)
    assert made.id in title
    assert "imx219, 64 × 48 px, 10 bit" in title
    assert "exposure 0.033 s" in title
    assert "24 dark frames" in title
    assert "25.0 °C" in title
    assert "per hour" in title


def test_maps_of_any_shape_and_without_bad_pixels_are_drawn(tmp_path: Path) -> None:
    for number, (height, width) in enumerate([(8, 700), (700, 8), (32, 32)]):
        path = tmp_path / f"{number}.png"
        draw(calibration(height, width, hot=False), path)
        assert path.stat().st_size > 10_000


def test_a_folder_that_is_not_there_is_an_os_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        draw(calibration(), tmp_path / "missing" / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_missing_matplotlib_is_said_in_one_line_that_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"matplotlib.*cosmic-edge\[plot\]") as error:
        draw(calibration(), tmp_path / "a.png")
    assert "\n" not in str(error.value)


def test_one_bad_pixel_of_a_million_is_still_marked() -> None:
    flags = np.zeros((1001, 1203), dtype=np.bool_)
    flags[1000, 1202] = True
    small = block_any(flags, 240)
    assert max(small.shape) <= 240
    assert small.sum() == 1
    assert small[-1, -1]


def test_averaging_keeps_the_mean_and_small_maps_as_they_are() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(100, 5, (960, 1440)).astype(np.float32)
    small = block_mean(values, 480)
    assert small.shape == (320, 480)
    assert small.mean() == pytest.approx(values.mean(), abs=1e-3)
    assert np.array_equal(block_mean(values[:5, :5], 480), values[:5, :5])
