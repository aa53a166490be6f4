"""Exposure records over a crash, a clock that is behind, and a disk that takes nothing."""

from __future__ import annotations

from typing import ClassVar

from edge.clock import Stamp
from edge.config.load import load_config
from edge.messages.utc import format_utc_ns
from edge.report import Reporter
from edge.stages.outcome import Outcome, Settled
from edge.timeline import LiveTimeline
from tests.edge.candidates import MODE, MS, stamp

S = 1_000_000_000
NOON = 1_800_000_000 * S


class SteppedClock:
    """UTC = boot time + offset; the offset is set from outside."""

    boot_id = "boot"

    def __init__(self, offset_ns: int) -> None:
        self.offset_ns = offset_ns

    def boottime_ns(self) -> int:
        return 0

    def stamp(self, time_ns: int) -> Stamp:
        return Stamp(time_ns + self.offset_ns, 0.001, "synced")


def reporter(clock: SteppedClock, period_s: float = 1.0) -> Reporter:
    made = Reporter(
        load_config(None, {"exposure.period_s": period_s}), LiveTimeline(), clock, "camera"
    )
    made.use(None, MODE)
    return made


def play(made: Reporter, start: int, count: int) -> list[dict[str, object]]:
    """Bodies of the records that came out."""
    return [
        draft.body
        for i in range(start, start + count)
        for draft in made.take(Settled(Outcome("processed", stamp(i))))
    ]


def test_the_first_record_after_a_crash_tells_of_the_gap() -> None:
    made = reporter(SteppedClock(NOON))
    made.resume_after(format_utc_ns(NOON - 3600 * S))
    first, second = play(made, 0, 64)[:2]
    assert first["dead_time_ns"]["restart"] == 3600 * S  # type: ignore[index]
    assert first["from_utc"] == format_utc_ns(NOON - 3600 * S)
    assert "restart" not in second["dead_time_ns"]  # type: ignore[operator]
    assert not made.owes_restart


def test_a_clock_that_is_behind_at_the_start_tells_of_the_gap_once_it_is_set() -> None:
    clock = SteppedClock(NOON - 86_400 * S)
    made = reporter(clock)
    made.resume_after(format_utc_ns(NOON - 3600 * S))
    (early,) = play(made, 0, 31)
    assert "restart" not in early["dead_time_ns"]  # type: ignore[operator]
    assert made.owes_restart
    clock.offset_ns = NOON
    late = play(made, 31, 31)[0]
    assert late["dead_time_ns"]["restart"] == 3600 * S  # type: ignore[index]
    assert not made.owes_restart


def test_in_one_boot_the_gap_is_told_by_boot_time_however_wrong_the_clock_was() -> None:
    for offset_ns in (NOON, NOON + 14 * 86_400 * S, NOON - 14 * 86_400 * S):
        made = reporter(SteppedClock(offset_ns))
        made.resume_after(format_utc_ns(NOON - 3 * 86_400 * S), "boot", -5 * S)
        first = play(made, 0, 31)[0]
        start_ns = first["from_boot_ns"]
        assert first["dead_time_ns"]["restart"] == start_ns + 5 * S  # type: ignore[index, operator]
        other = reporter(SteppedClock(NOON))
        other.resume_after(format_utc_ns(NOON - 3600 * S), "an earlier boot", 5)
        assert play(other, 0, 31)[0]["dead_time_ns"]["restart"] == 3600 * S  # type: ignore[index]


def test_between_two_records_the_checkpoint_says_where_the_last_one_ended() -> None:
    made = reporter(SteppedClock(NOON))
    assert made.checkpoint() is None
    records = play(made, 0, 31)
    assert len(records) == 1
    assert made.checkpoint() == {
        "origin": "camera",
        "until_utc": records[0]["to_utc"],
        "boot_id": "boot",
        "until_boot_ns": records[0]["to_boot_ns"],
    }
    play(made, 31, 1)
    checkpoint = made.checkpoint()
    assert checkpoint is not None
    assert checkpoint["body"]["closed"] == "restart"
    assert checkpoint["body"]["from_utc"] == records[0]["to_utc"]


def test_several_records_that_were_lost_at_once_go_into_the_next_one() -> None:
    made = reporter(SteppedClock(NOON))
    made.resume_after(format_utc_ns(NOON - 60 * S))
    drafts = [
        draft for i in range(95) for draft in made.take(Settled(Outcome("processed", stamp(i))))
    ]
    assert [d.kind for d in drafts] == ["exposure"] * 3
    made.handed_over(drafts, kept=False)
    (record,) = made.close("end")
    assert record.body["frames"]["expected"] == 95
    assert record.body["live_time_ns"] == 0
    dead = record.body["dead_time_ns"]
    assert dead["unstored"] == 95 * 30 * MS
    assert dead["restart"] == 60 * S
    assert made.so_far().frames.total() == 95


class Masked:
    """A detector of which only the masked pixels matter here."""

    calibration_id, black_level_adu = "made up", 64.0
    thresholds: ClassVar[dict[str, float]] = {}

    def __init__(self, masked_px: int) -> None:
        self.masked_px = masked_px


def test_masked_pixels_and_hot_places_take_their_share_of_the_time_that_follows() -> None:
    made, pixels = reporter(SteppedClock(NOON), period_s=3600.0), MODE.width_px * MODE.height_px
    play(made, 0, 10)
    made.use(Masked(pixels // 8), MODE, pixels // 8)  # type: ignore[arg-type]
    play(made, 10, 20)
    made.use(Masked(2 * pixels), MODE)  # type: ignore[arg-type]
    play(made, 30, 5)
    total = made.so_far()
    assert total.live_time_ns == (10 + 15) * 30 * MS
    assert total.dead_time_ns == {"between_frames": 34 * 3 * MS, "vetoed_area": (5 + 5) * 30 * MS}
    (record,) = made.close("end")
    assert record.body["dead_time_ns"]["vetoed_area"] == 300 * MS


def test_the_edge_where_nothing_can_be_a_hit_takes_its_share_too() -> None:
    settings = {"exposure.period_s": 3600.0, "veto.edge_px": 10}
    made = Reporter(load_config(None, settings), LiveTimeline(), SteppedClock(NOON), "camera")
    made.use(None, MODE)
    play(made, 0, 7)
    total, pixels = made.so_far(), MODE.width_px * MODE.height_px
    inner = (MODE.width_px - 20) * (MODE.height_px - 20)
    looked = 7 * 30 * MS
    assert total.dead_time_ns["vetoed_area"] == looked * (pixels - inner) // pixels
    assert total.live_time_ns + total.dead_time_ns["vetoed_area"] == looked
