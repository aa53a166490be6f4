"""Real detections of one hot pixel, and made-up ones: they must not be published over and over."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.detection.hotpixel import published, published_by_peers
from benchmarks.detection.lit import blinking, export_frames


@pytest.fixture(scope="module")
def export(shared_data: Path) -> Path:
    folder = shared_data / "hotpixel_export"
    if not folder.is_dir():
        pytest.skip(f"no export of a hot pixel at {folder}")
    return folder


def test_five_thousand_detections_of_one_hot_pixel_publish_three_at_most(export: Path):
    recording = export_frames(export)
    assert recording.lightings == 5000
    count = published(recording)
    print(f"{count} published of 5000 detections of one hot pixel")
    assert 0 < count <= 3


def test_at_their_own_times_pauses_of_hours_do_not_bring_it_back(export: Path):
    recording = export_frames(export, own_times=True)
    assert recording.lightings > 3000
    count = published(recording)
    print(f"{count} published of {recording.lightings} lightings in 14 hours")
    assert count <= 3


def test_the_app_that_sent_them_would_send_most_of_them_again(export: Path):
    counts = published_by_peers(export_frames(export), ("CREDO 1.3", "CREDO-Linux"))
    print(counts)
    assert counts["CREDO 1.3"] > 100
    assert counts["CREDO-Linux"] >= 4990


@pytest.mark.parametrize(("period_s", "times"), [(0.56, 300), (10.0, 60), (60.0, 40)])
def test_a_pixel_that_lights_at_least_once_a_minute_publishes_two_at_most(
    period_s: float, times: int
):
    recording = blinking(period_s, times)
    assert recording.lightings == times
    assert published(recording) <= 2
