"""The live loop: calibrates first, claims only settled frames, survives whatever a camera does."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.clock import Clock, RecordedClock, SystemClock
from edge.config.load import load_config
from edge.config.model import Config
from edge.delivery import Keep
from edge.detection import Draft
from edge.frame import BadFrame, Frame, SensorMode
from edge.live.loop import LiveLoop
from edge.live.shelf import Shelf
from edge.report import Reporter
from edge.sources import open_source
from edge.sources.capture import Dropped
from edge.stages.order import order_stage
from edge.timeline import LiveTimeline, RecordedTimeline, Timeline

MS = 1_000_000
HEIGHT, WIDTH = 40, 60
MODE = SensorMode(
    "test", WIDTH, HEIGHT, 10, exposure_ns=30 * MS, frame_duration_ns=33 * MS, black_level_adu=64.0
)


class Rig:
    """A loop with everything it hands over."""

    def __init__(
        self,
        shelf: Shelf | None = None,
        *,
        waits: bool = True,
        timeline: Timeline | None = None,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        self.config = configured(**settings)
        timeline = timeline or LiveTimeline()
        self.reporter = Reporter(self.config, timeline, clock or SystemClock(), "camera")
        self.full = False
        self.drafts: list[Draft] = []
        self.checkpoints: list[dict[str, Any] | Keep | None] = []
        order = order_stage(self.config, timeline)
        self.loop = LiveLoop(self.config, self.reporter, order, self._take, shelf, waits=waits)

    def _take(self, drafts: list[Draft], checkpoint: dict[str, Any] | Keep | None) -> bool:
        if self.full:
            return False
        self.drafts += drafts
        self.checkpoints.append(checkpoint)
        return True

    def kinds(self) -> list[str]:
        return [draft.kind for draft in self.drafts]

    def counts(self) -> dict[str, int]:
        return self.reporter.so_far().frame_counts()


def configured(**settings: Any) -> Config:
    base = {"calibration.frames": 20, "outbox.group_commit_s": 1e-9}
    return load_config(None, base | {k.replace("__", "."): v for k, v in settings.items()})


def frame(sequence: int, *spots: tuple[int, int], level: float = 64.0, **changes: Any) -> Frame:
    rng = np.random.default_rng(sequence)
    values = rng.normal(level, 2.0, (HEIGHT, WIDTH))
    for y, x in spots:
        values[y, x] += 300
        values[y, x + 1] += 150
    pixels = np.clip(np.rint(values), 0, 1023).astype(np.uint16)
    made = Frame(
        pixels, sequence, sequence, MODE, sensor_time_ns=sequence * 33 * MS, exposure_ns=30 * MS
    )
    return replace(made, **changes)


def play(rig: Rig, count: int, start: int = 0, **spots: tuple[int, int]) -> None:
    for i in range(start, start + count):
        rig.loop.push(frame(i, *([spots[f"f{i}"]] if f"f{i}" in spots else [])))


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
    play(rig, 3, start=22)
    rig.loop.finish()
    assert rig.counts()["uncovered"] == 2
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
