"""The order stage: every frame comes out once, in order, every candidate in one bin."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.load import load_config
from edge.frame import SensorMode
from edge.stages.exposure import ExposureAccount
from edge.stages.order import OrderRules, OrderStage, order_stage
from edge.stages.outcome import Outcome, Settled
from edge.timeline import LiveTimeline
from tests.edge.candidates import MODE, MS, candidate, processed, stamp

S = 1_000_000_000


def stage(**rules: Any) -> OrderStage:
    return OrderStage(OrderRules(**rules), LiveTimeline())


def run(outcomes: Sequence[Outcome], one: OrderStage | None = None) -> list[Settled]:
    one = one or stage()
    settled = [each for outcome in outcomes for each in one.push(outcome)]
    return settled + list(one.flush())


def check(outcomes: Sequence[Outcome], settled: Sequence[Settled]) -> None:
    """In order, each frame once, each candidate in one bin; the exposure's sums hold."""
    account = ExposureAccount(LiveTimeline())
    assert [one.outcome.stamp for one in settled] == [one.stamp for one in outcomes]
    for before, after in zip(outcomes, settled, strict=True):
        assert after.candidates == len(before.candidates) + int(before.flood)
        assert {id(hit.candidate) for hit in after.hits} <= {id(one) for one in before.candidates}
        assert len(after.refused) <= after.rejected.total()
        if after.outcome.fate != before.fate:
            assert (before.fate, after.outcome.fate) == ("processed", "uncovered")
            assert after.outcome.reason in ("leak", "settling")
            assert not after.hits
        account.add(after)
    record = account.open
    counts = record.frame_counts()
    assert counts["uncovered"] == record.uncovered.total()
    assert record.candidates == record.hits + record.rejected.total()
    assert counts["expected"] == sum(one.count for one in outcomes)
    assert record.live_time_ns + record.dead_time_ns.total() == record.span_ns


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(["bad", "missing", "uncovered", "flood", "calibrating", "crowd"]),
            st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=4, unique=True),
        ),
        max_size=80,
    ),
    st.integers(0, 4),
    st.sampled_from([0, S]),
)
def test_whatever_comes_the_sums_hold(stream: list[Any], hold: int, settle_ns: int) -> None:
    outcomes: list[Outcome] = []
    for i, item in enumerate(stream):
        if item == "flood":
            outcomes.append(processed(i, flood=True))
        elif item == "crowd":
            outcomes.append(processed(i, *(candidate((3 * y, i)) for y in range(12))))
        elif item in ("uncovered", "calibrating"):
            outcomes.append(Outcome(item, stamp(i)))
        elif isinstance(item, str):
            outcomes.append(Outcome(item, reason="truncated" if item == "bad" else ""))  # type: ignore[arg-type]
        else:
            outcomes.append(processed(i, *(candidate(one) for one in item)))
    one = stage(hold_frames=hold, settle_ns=settle_ns)
    check(outcomes, run(outcomes, one))
    assert not list(one.flush())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_long_random_streams_come_out_the_same_every_time(seed: int) -> None:
    outcomes = random_stream(seed)
    first, again = run(outcomes), run(random_stream(seed))
    check(outcomes, first)
    assert [one.rejected for one in first] == [one.rejected for one in again]
    assert [len(one.hits) for one in first] == [len(one.hits) for one in again]
    assert [[r.reason for r in one.refused] for one in first] == [
        [r.reason for r in one.refused] for one in again
    ]


def random_stream(seed: int) -> list[Outcome]:
    """Hits, a pixel that blinks, a column, light, at 600 hits a minute."""
    random = np.random.default_rng(seed)
    outcomes: list[Outcome] = []
    for i in range(300):
        places = {
            (int(random.integers(80)), int(random.integers(100)))
            for _ in range(random.poisson(0.3))
        }
        places |= {(40, 50)} if random.random() < 0.2 else set()
        places |= {(int(random.integers(80)), 7)} if random.random() < 0.1 else set()
        light = random.random() < 0.01
        outcomes.append(
            Outcome("uncovered", stamp(i))
            if light
            else processed(i, *map(candidate, sorted(places)))
        )
    return outcomes


def test_a_sample_is_let_go_of_at_once() -> None:
    class Sample:
        pass

    sample = Sample()
    gone = weakref.ref(sample)
    one = stage()
    outcome = replace(processed(0, candidate((5, 5))), sample=sample)  # type: ignore[arg-type]
    assert not list(one.push(outcome))
    del outcome, sample
    gc.collect()
    assert gone() is None


def test_a_pixel_that_stays_lit_is_suspect_once_it_outlasts_the_hold() -> None:
    one = stage()
    run([processed(i, candidate((5, 6))) for i in range(4)], one)
    (suspect,) = one.take_suspects()
    assert (suspect.rows.tolist(), suspect.cols.tolist(), suspect.reason) == ([5], [6], "telegraph")
    assert suspect.rows.dtype == np.int32
    assert one.take_suspects() == []


def test_a_hot_place_is_suspect_and_so_is_a_spot_that_stays() -> None:
    one = stage()
    run(blinking(10), one)
    assert {suspect.reason for suspect in one.take_suspects()} == {"hot_pixel"}
    spot = candidate(*((20 + y, 30 + x) for y in range(4) for x in range(4)))
    run([processed(1000 + i, spot) for i in range(4)], one)
    (suspect,) = one.take_suspects()
    assert (len(suspect.rows), suspect.reason) == (16, "multi_frame")


def test_particles_make_no_suspects() -> None:
    one = stage()
    run([processed(i, candidate((i % 80, (7 * i) % 100))) for i in range(80)], one)
    assert one.take_suspects() == []


def test_a_place_counts_once_for_as_long_as_it_stays_lit() -> None:
    spot = candidate((5, 5), (5, 6), (6, 5))
    lit = {0, 1, 2, 20, 21}
    settled = run([processed(i, *([spot] if i in lit else [])) for i in range(40)])
    assert [s.outcome.stamp.index for s in settled for _ in s.hits] == [0, 20]  # type: ignore[union-attr]
    assert sum((s.rejected for s in settled), Counter()) == {"continued": 3}


def test_on_a_sensor_that_showed_telegraph_pixels_a_short_episode_is_one_too() -> None:
    crops = np.random.default_rng(1).normal(64, 2, (60, 8, 8)).round().astype(np.uint16)

    def frame(i: int, *places: tuple[int, int]) -> Outcome:
        made = (candidate(place) for place in places)
        return processed(i, *(replace(c, crop=replace(c.crop, pixels=crops[i])) for c in made))

    long = [(10, 10), (10, 20), (10, 30)]
    known = [frame(i, *(long if i < 6 else [])) for i in range(20)]
    short = [frame(i, *([(50, 50)] if i in (25, 26) else [])) for i in range(20, 40)]
    settled = run([*known, *short])
    assert not any(one.hits for one in settled)
    assert sum((s.rejected for s in settled), Counter()) == {
        "multi_frame": 18,
        "telegraph": 1,
        "continued": 1,
    }
    assert [len(one.hits) for one in run(short)].count(1) == 1


def blinking(times: int, every: int = 10) -> list[Outcome]:
    """A pixel that lights in every tenth frame."""
    spot = candidate((5, 5))
    return [processed(i, *([spot] if i % every == 0 else [])) for i in range(times * every)]


def test_another_mode_forgets_all_places() -> None:
    one = stage()
    run(blinking(6), one)
    list(one.restart())
    wide = SensorMode("other", 200, 160, 10, exposure_ns=30 * MS, frame_duration_ns=33 * MS)
    later = [
        Outcome("processed", stamp(100 + i, wide), (candidate((5, 5)),) if i % 10 == 0 else ())
        for i in range(20)
    ]
    assert sum(len(each.hits) for each in run(later, one)) == 2


def test_a_clock_that_jumps_brings_no_hot_place_back_and_holds_none_for_ever() -> None:
    times = [i * S for i in range(20)]
    times[10] -= 10**15
    times[15] += 10**6 * S
    slow = replace(MODE, frame_duration_ns=S // 2)
    outcomes = [
        Outcome(
            "processed", stamp(i, slow, sensor_time_ns=t), (candidate((5, 5)),) if i % 2 else ()
        )
        for i, t in enumerate(times)
    ]
    assert sum(len(one.hits) for one in run(outcomes)) == 2


def test_the_first_refused_of_each_reason_in_a_period_is_kept() -> None:
    settled = run(blinking(40), stage(period_ns=5 * S))
    kept = [one for s in settled for one in s.refused]
    assert [one.reason for one in kept] == ["hot_pixel"] * 3
    assert all(one.candidate.y_px == 5 for one in kept)


def test_the_credo_preset_rejects_nothing() -> None:
    config = load_config(None, {"trigger.preset": "credo"})
    one = order_stage(config, LiveTimeline())
    outcomes = [Outcome("uncovered", stamp(0))]
    outcomes += [processed(i, candidate((5, 5))) for i in range(1, 50)]
    settled = run(outcomes, one)
    assert sum(len(each.hits) for each in settled) == 49


@pytest.mark.parametrize("key", ["veto.hot_repeat_window_s", "veto.hot_repeat_count"])
def test_settings_of_older_files_still_work(key: str) -> None:
    config = load_config(None, {key: 3600.0 if key.endswith("_s") else 5})
    settled = run(blinking(20), order_stage(config, LiveTimeline()))
    assert sum(len(each.hits) for each in settled) == (2 if key.endswith("_s") else 4)


def test_bursts_and_lines_can_be_switched_off() -> None:
    config = load_config(None, {"veto.burst": False, "veto.row_column": False})
    outcomes = [processed(i, *([candidate((i % 80, 7))] if i % 3 == 0 else [])) for i in range(240)]
    settled = run(outcomes, order_stage(config, LiveTimeline()))
    assert sum((s.rejected for s in settled), Counter())["row_column"] == 0
    on = run(outcomes, order_stage(load_config(None, {}), LiveTimeline()))
    assert sum((s.rejected for s in on), Counter())["row_column"] > 50


def test_a_pause_of_hours_neither_heals_a_hot_pixel_nor_hides_it() -> None:
    def lit(at_s: list[int]) -> list[Outcome]:
        made = []
        for i, second in enumerate(at_s):
            time_ns = second * S
            spot = candidate((5, 5))
            made.append(Outcome("processed", stamp(2 * i, sensor_time_ns=time_ns), (spot,)))
            made.append(Outcome("processed", stamp(2 * i + 1, sensor_time_ns=time_ns + 33 * MS)))
        return made

    settled = run(lit([0, 200, 400, 20_000, 20_001, 60_000, 60_001]))
    assert [len(one.hits) for one in settled][::2] == [1, 1, 0, 0, 0, 0, 0]
