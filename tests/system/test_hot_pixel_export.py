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
    every, alone = export_frames(export), export_frames(export, others=False)
    assert every.lightings == 5000
    # A few per mille are particles, or show one beside it: those may be published.
    others = every.lightings - alone.lightings
    assert others < 75
    count = published(alone)
    print(f"{count} published of {alone.lightings} detections of one hot pixel")
    assert count <= 3
    assert published(every) <= 3 + others


def test_at_their_own_times_pauses_of_hours_do_not_bring_it_back(export: Path):
    recording = export_frames(export, own_times=True, others=False)
    assert recording.lightings > 3000
    count = published(recording)
    print(f"{count} published of {recording.lightings} lightings in 14 hours")
    assert count <= 3


def test_programs_without_a_memory_of_places_send_it_again_and_again(export: Path):
    recording = export_frames(export, most=500)
    counts = published_by_peers(recording, ("CREDO 1.3", "CREDO-Linux"))
    print(counts)
    assert counts["CREDO 1.3"] > 30  # all of them until it calibrates, after a minute
    assert counts["CREDO-Linux"] >= 500


@pytest.mark.parametrize(("period_s", "times"), [(0.56, 300), (10.0, 60), (60.0, 40)])
def test_a_pixel_that_lights_at_least_once_a_minute_publishes_two_at_most(
    period_s: float, times: int
):
    recording = blinking(period_s, times)
    assert recording.lightings == times
    assert published(recording) <= 2
