"""The live loop when a camera changes: each series and mode has a calibration of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.frame import Frame
from edge.live.shelf import Shelf
from edge.sources.capture import Dropped
from tests.edge.live.rig import MODE, MS, Rig, configured, frame, play


def test_a_kept_calibration_is_used_at_the_next_start(tmp_path: Path) -> None:
    first = Rig(Shelf(tmp_path, configured()))
    play(first, 21)
    second = Rig(Shelf(tmp_path, configured()))
    second.loop.push(frame(0))
    assert second.loop.detector is not None
    assert second.loop.detector.calibration_id == first.loop.detector.calibration_id  # type: ignore[union-attr]
    second.loop.finish()
    assert second.counts()["calibrating"] == 0


@pytest.mark.parametrize(
    "change",
    [{"gain": 4.0}, {"exposure_ns": 10 * MS}, {"sensor": "other"}, {"bit_depth": 12}],
    ids=["gain", "exposure", "sensor", "bit depth"],
)
def test_a_calibration_of_another_mode_is_not_used(tmp_path: Path, change: dict[str, Any]) -> None:
    first = Rig(Shelf(tmp_path, configured()))
    play(first, 21)
    second = Rig(Shelf(tmp_path, configured()))
    second.loop.push(frame(0, mode=replace(MODE, **change)))
    assert second.loop.detector is None


def test_a_calibration_is_not_used_far_from_its_temperature(tmp_path: Path) -> None:
    first = Rig(Shelf(tmp_path, configured()))
    for i in range(21):
        first.loop.push(frame(i, temperature_c=20.0))
    for temperature_c, found in ((23.0, True), (40.0, False)):
        second = Rig(Shelf(tmp_path, configured()))
        second.loop.push(frame(0, temperature_c=temperature_c))
        assert (second.loop.detector is not None) is found


def test_a_damaged_calibration_is_set_aside_and_made_anew(tmp_path: Path) -> None:
    first = Rig(Shelf(tmp_path, configured()))
    play(first, 21)
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(file.read_bytes()[:100])
    second = Rig(Shelf(tmp_path, configured()))
    play(second, 21)
    assert second.loop.detector is not None
    assert list(tmp_path.glob("*.damaged"))


def records(rig: Rig) -> list[dict[str, Any]]:
    return [d.body for d in rig.drafts if d.kind == "exposure"]


@pytest.mark.parametrize("waits", [True, False])
def test_each_series_of_a_recording_is_judged_by_a_calibration_of_its_own(waits: bool) -> None:
    rig = Rig(waits=waits)
    louder = replace(MODE, exposure_ns=31 * MS)
    feed(rig, lambda i: frame(i, series="a"), 5000)
    first = rig.loop.detector
    assert first is not None
    for i in range(5001, 5006):
        rig.loop.push(frame(i, level=80.0, series="b", mode=louder))
    assert rig.loop.detector is None
    assert rig.loop.calibration_progress == (5, 20)
    feed(rig, lambda i: frame(i, level=80.0, series="b", mode=louder), 10_000, start=5006)
    rig.loop.finish()
    assert rig.loop.detector is not first
    assert [(r["series"], r["closed"]) for r in records(rig) if r["closed"] != "minute"] == [
        ("a", "calibration"),
        ("a", "series"),
        ("b", "calibration"),
        ("b", "end"),
    ]


def feed(rig: Rig, make: Any, last: int, start: int = 0) -> None:
    """Push frames until there is a detector, then the frame of number `last`."""
    for i in range(start, last):
        rig.loop.push(make(i))
        if rig.loop.detector is not None:
            break
    rig.loop.push(make(last))


@pytest.mark.parametrize(
    "change",
    [{"gain": 4.0}, {"exposure_ns": 10 * MS}, {"bit_depth": 12}],
    ids=["gain", "exposure", "bit depth"],
)
def test_a_camera_that_changes_its_mode_is_calibrated_anew(change: dict[str, Any]) -> None:
    rig = Rig(waits=True)
    play(rig, 24, f22=(10, 10))
    first = rig.loop.detector
    other = replace(MODE, **change)
    rig.loop.push(frame(24, mode=other))
    assert rig.loop.detector is None
    hits = [d for d in rig.drafts if d.kind == "hit"]
    assert [h.body["frame"] for h in hits] == [22]  # what waited is settled
    assert hits[0].body["provenance"]["calibration_id"] == first.calibration_id  # type: ignore[union-attr]
    for i in range(25, 50):
        rig.loop.push(frame(i, mode=other))
    rig.loop.finish()
    assert [r["closed"] for r in records(rig)] == ["calibration", "mode", "calibration", "end"]
    assert sum(r["frames"]["expected"] for r in records(rig)) == 50
    assert rig.counts()["calibrating"] == 40


def test_between_two_modes_of_a_camera_no_time_is_lost() -> None:
    rig = Rig(waits=False)
    feed(rig, frame, 10_000)
    rig.loop.push(frame(10_001, mode=replace(MODE, gain=4.0)))
    rig.loop.finish()
    found = records(rig)
    assert found[-2]["closed"] == "mode"
    assert found[-2]["to_utc"][:-4] == found[-1]["from_utc"][:-4]
    assert isinstance(rig.checkpoints[-2], dict)


def test_a_mode_seen_before_is_taken_from_the_shelf(tmp_path: Path) -> None:
    rig = Rig(Shelf(tmp_path, configured()))
    other = replace(MODE, gain=4.0)
    play(rig, 21)
    first = rig.loop.detector
    for i in range(21, 42):
        rig.loop.push(frame(i, mode=other))
    rig.loop.push(frame(42))
    assert rig.loop.detector is not None
    assert rig.loop.detector.calibration_id == first.calibration_id  # type: ignore[union-attr]
    assert rig.counts()["calibrating"] == 40


def test_what_of_a_mode_no_calibration_rests_on_may_change() -> None:
    rig = Rig()
    play(rig, 21)
    rig.loop.push(frame(21, mode=replace(MODE, frame_duration_ns=34 * MS)))
    assert rig.loop.detector is not None


def test_frames_of_another_size_are_bad_until_they_are_thirty_in_a_row() -> None:
    small = replace(MODE, width_px=10, height_px=10)

    def other(i: int) -> Frame:
        rng = np.random.default_rng(i)
        return frame(i, mode=small, pixels=rng.normal(64, 2, (10, 10)).round().astype(np.uint16))

    rig = Rig()
    play(rig, 20)
    for i in range(20, 49):
        rig.loop.push(other(i))
    rig.loop.push(frame(49))
    assert rig.counts()["bad"] == 29
    for i in range(50, 80):
        rig.loop.push(other(i))
    assert rig.loop.calibration_progress == (1, 20)
    for i in range(80, 100):
        rig.loop.push(other(i))
    rig.loop.finish()
    assert rig.counts()["bad"] == 58
    assert rig.counts()["processed"] == 2
    assert [r["closed"] for r in records(rig)] == ["calibration", "mode", "calibration", "end"]


def test_a_counter_that_begins_anew_neither_hides_nor_invents_missing_frames() -> None:
    rig = Rig()
    numbers = [*range(30), *range(10), 13]  # 10, 11 and 12 of the second count are missing
    for when, number in enumerate(numbers):
        rig.loop.push(replace(frame(when), sequence=number))
    # 14 is missing as well; then 15 and 16, and 0 and 1 of a third count
    rig.loop.push(Dropped(4, first_sequence=15, last_sequence=1))
    rig.loop.push(replace(frame(46), sequence=2))
    rig.loop.finish()
    counts = rig.counts()
    assert counts["missing"] == 4
    assert counts["dropped"] == 4
    assert counts["received"] == len(numbers) + 5
