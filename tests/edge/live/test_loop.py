"""The live loop: calibrates first, claims only settled frames, survives whatever a camera does."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from edge.clock import RecordedClock
from edge.frame import BadFrame
from edge.sources import open_source
from edge.sources.capture import Dropped
from edge.timeline import RecordedTimeline
from tests.edge.live.rig import HEIGHT, MODE, MS, WIDTH, Rig, frame, play


def test_nothing_is_published_before_the_calibration_is_done() -> None:
    rig = Rig()
    for i in range(19):
        rig.loop.push(frame(i, (10, 10)))
    assert rig.kinds() == []
    assert rig.loop.calibration_progress == (19, 20)
    assert rig.counts()["calibrating"] == 19


def test_the_calibration_goes_out_before_the_first_hit_and_the_hit_follows_the_hold() -> None:
    rig = Rig()
    play(rig, 23, f21=(10, 10))
    assert "hit" not in rig.kinds()
    play(rig, 4, start=23)
    assert [k for k in rig.kinds() if k != "exposure"] == ["calibration", "hit"]
    hit = next(d for d in rig.drafts if d.kind == "hit")
    assert (hit.body["x_px"], hit.body["y_px"], hit.body["frame"]) == (10, 10, 21)
    assert hit.body["provenance"]["calibration_id"] == rig.loop.detector.calibration_id  # type: ignore[union-attr]


def test_a_checkpoint_claims_no_frame_whose_candidate_is_still_held() -> None:
    rig = Rig()
    play(rig, 24, f22=(10, 10))
    checkpoint = rig.checkpoints[-1]
    assert isinstance(checkpoint, dict)
    assert checkpoint["body"]["frames"]["processed"] == 2
    assert checkpoint["body"]["closed"] == "restart"
    rig.loop.finish()
    assert rig.checkpoints[-1] is None
    assert sum(d.body["hits"] for d in rig.drafts if d.kind == "exposure") == 1


def test_light_frames_are_uncovered_while_calibrating_and_afterwards() -> None:
    rig = Rig()
    rig.loop.push(frame(0, level=600))
    play(rig, 20, start=1)
    rig.loop.push(frame(21, level=300))
    assert rig.loop.last_fate == "uncovered"
    play(rig, 6, start=22)
    rig.loop.finish()
    assert rig.counts()["uncovered"] == 2 + 3  # three are to be dark before it looks again
    assert rig.reporter.so_far().uncovered == {"light": 2, "settling": 3}
    assert rig.counts()["processed"] == 3


def test_gaps_dropped_and_bad_frames_are_counted_each_in_its_bin() -> None:
    rig = Rig()
    play(rig, 20)
    rig.loop.push(frame(23))  # 20, 21 and 22 never came
    rig.loop.push(Dropped(2, first_sequence=24, last_sequence=26))  # one of three was missing
    rig.loop.push(BadFrame(27, 27, "truncated", "12 of 40 rows"))
    rig.loop.push(frame(30))
    rig.loop.finish()
    counts = rig.counts()
    assert counts["missing"] == 3 + 1 + 2
    assert counts["dropped"] == 2
    assert counts["bad"] == 1
    assert counts["expected"] == 31


def test_a_frame_of_another_size_is_bad_and_the_loop_goes_on() -> None:
    rig = Rig()
    play(rig, 20)
    other = replace(MODE, width_px=10, height_px=10)
    rig.loop.push(frame(20, mode=other, pixels=np.zeros((10, 10), np.uint16)))
    rig.loop.push(frame(21))
    rig.loop.finish()
    assert rig.counts()["bad"] == 1
    assert rig.counts()["processed"] == 1


def test_every_buffer_is_given_back() -> None:
    rig = Rig()
    given = []
    for i in range(25):
        rig.loop.push(frame(i, release=lambda i=i: given.append(i)))
    assert given == list(range(25))


def test_frames_without_a_sensor_time_get_the_time_they_came() -> None:
    rig = Rig(waits=False)
    for i in range(22):
        rig.loop.push(frame(i, sensor_time_ns=None))
    rig.loop.finish()
    record = [d for d in rig.drafts if d.kind == "exposure"][-1]
    assert record.body["to_utc"] > "2025"


def test_a_recording_without_times_that_is_played_again_lives_at_its_rate(tmp_path: Path) -> None:
    stack = np.stack([frame(i, *([(10, 10)] if i == 45 else [])).pixels for i in range(60)])
    np.save(tmp_path / "a.npy", stack)
    source = open_source(f"recording:{tmp_path / 'a.npy'}?loop=1")
    rig = Rig(timeline=RecordedTimeline(), clock=RecordedClock())
    for item in islice(source.frames(), 170):
        rig.loop.push(item)
    rig.loop.finish()
    duration_ns = 1_000_000_000 // 30
    total = rig.reporter.so_far()
    assert total.live_time_ns == 150 * duration_ns
    # 30 frames a second stay in step with the seconds: a nanosecond between some of them.
    assert 0 <= sum(total.dead_time_ns.values()) - 20 * duration_ns < 100
    times = [d.body["window_start_utc"][11:22] for d in rig.drafts if d.kind == "hit"]
    assert times == ["00:00:01.50", "00:00:03.50", "00:00:05.50"][: len(times)]
    assert len(times) == 2  # a third at one place is a hot pixel


def test_the_credo_preset_runs_live(tmp_path: Path) -> None:
    rig = Rig(trigger__preset="credo")
    for i in range(500):
        rig.loop.push(frame(i, level=8))
    assert rig.loop.detector is not None
    rig.loop.push(frame(500, (10, 10), level=8))
    rig.loop.finish()
    assert rig.kinds().count("hit") in (0, 1)
    assert rig.loop.detector.thresholds["max_8bit"] == 80.0


def test_a_camera_goes_on_while_its_calibration_is_worked_out() -> None:
    rig = Rig(waits=False)
    play(rig, 20)
    count = 20
    while rig.loop.detector is None:
        rig.loop.push(frame(count))
        count += 1
        assert count < 10_000
    rig.loop.finish()
    assert rig.counts()["calibrating"] == count
    assert rig.counts()["expected"] == count


def test_a_camera_that_shows_one_value_only_is_named_and_calibrated_again() -> None:
    rig = Rig()
    for i in range(25):
        rig.loop.push(frame(i, pixels=np.zeros((HEIGHT, WIDTH), np.uint16)))
    assert "one value only" in rig.loop.note
    assert rig.loop.detector is None
    play(rig, 21, start=25)
    assert rig.loop.detector is not None
    assert rig.loop.note == ""


def test_a_hit_in_a_frame_whose_level_drifted_is_found_with_its_raw_counts() -> None:
    rig = Rig()
    play(rig, 21)
    drifted = frame(21, (10, 10), level=74.0)
    rig.loop.push(drifted)
    for i in range(22, 30):
        rig.loop.push(frame(i, level=74.0))
    rig.loop.finish()
    (hit,) = [d for d in rig.drafts if d.kind == "hit"]
    assert hit.body["peak_adu"] == int(drifted.pixels[10, 10])
    assert hit.body["area_px"] == 2
    assert hit.body["sum_adu"] == pytest.approx(450, abs=15)


def test_what_the_disk_would_not_take_is_neither_a_hit_nor_live_time() -> None:
    rig = Rig(exposure__period_s=1.0)
    play(rig, 21)
    rig.full = True
    play(rig, 60, start=21, f30=(10, 10))  # a hit, and the end of an exposure record
    rig.full = False
    play(rig, 20, start=81, f90=(20, 20))
    rig.loop.finish()
    hits = [d for d in rig.drafts if d.kind == "hit"]
    records = [d.body for d in rig.drafts if d.kind == "exposure"]
    assert [d.body["frame"] for d in hits] == [90]
    assert sum(r["hits"] for r in records) == 1
    assert sum(r["rejected"].get("unstored", 0) for r in records) == 1
    assert sum(r["frames"]["expected"] for r in records) == 101
    assert sum(r["dead_time_ns"].get("unstored", 0) for r in records) >= 55 * 30 * MS
    live = sum(r["live_time_ns"] for r in records)
    dead = sum(sum(r["dead_time_ns"].values()) for r in records)
    assert live + dead == 100 * 33 * MS + 30 * MS
    assert rig.counts()["expected"] == 101


def test_a_rig_that_loses_more_than_one_per_cent_of_its_sensor_says_so_and_goes_on() -> None:
    rig = Rig(calibration__frames=150)
    for index in range(200):
        made = frame(index)
        pixels = made.pixels.copy()
        for k in range(40):  # of 2,400 pixels, each at times of its own
            if index % 29 == k % 29:
                pixels[10 + k // 20 * 8, 2 * (k % 20) + 5] = 900
        rig.loop.push(replace(made, pixels=pixels))
    assert "40 masked pixels" in rig.loop.note
    assert rig.counts()["processed"] > 30


def test_a_frame_that_is_kept_out_of_the_calibration_is_named() -> None:
    rig = Rig(calibration__frames=60)
    play(rig, 30)
    made = frame(30)
    torn = made.pixels.copy()
    torn[30:] = 64
    rig.loop.push(replace(made, pixels=torn))
    play(rig, 10, start=31)
    assert rig.reporter.so_far().uncovered == Counter({"truncated": 1})
