"""What was seen before the clock was known: it waits, is dated, or goes out unsynced."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.clock import ClockState
from edge.delivery.dating import Dating
from edge.delivery.outbox import Outbox
from edge.detection import Draft
from edge.live.first_sync import FirstSync
from edge.messages import HitMessage, parse_message
from edge.messages.utc import format_utc_ns, parse_utc_ns
from tests.brokers import mosquitto
from tests.edge.delivery.uplinks import Server, running, wait_until
from tests.edge.hand_clock import BOOT, NS, RIGHT_NS, WRONG_NS, HandClock
from tests.message_examples import body


def hit(made_s: float, boot_id: str = BOOT, origin: str = "camera", state: ClockState = "unsynced"):
    made_ns = round(made_s * NS)
    middle = WRONG_NS + made_ns
    times = {
        "time_utc": format_utc_ns(middle),
        "window_start_utc": format_utc_ns(middle - 5_000_000),
        "window_end_utc": format_utc_ns(middle + 6_000_000),
        "time_uncertainty_s": None if state == "unsynced" else 0.1,
        "clock": state,
    }
    return Draft("hit", body("hit", **times, boot_id=boot_id, time_boot_ns=made_ns), origin)


def exposure(from_s: float, to_s: float, dead: dict[str, int] | None = None) -> Draft:
    times: dict[str, Any] = {
        "from_utc": format_utc_ns(WRONG_NS + round(from_s * NS) - sum((dead or {}).values())),
        "to_utc": format_utc_ns(WRONG_NS + round(to_s * NS)),
        "boot_id": BOOT,
        "from_boot_ns": round(from_s * NS),
        "to_boot_ns": round(to_s * NS),
        "clock": {"state": "unsynced", "uncertainty_s": None},
    }
    if dead:
        times["dead_time_ns"] = dead
    return Draft("exposure", body("exposure", **times), "camera")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def outbox(tmp_path: Path, clock: HandClock) -> Iterator[Outbox]:
    opened = Outbox.open(tmp_path, "cellar-1")
    opened.date_by(Dating(clock, 600))
    yield opened
    opened.close()


def pending(outbox: Outbox) -> list[int]:
    return [seq for seq, _ in outbox.pending(0, 100)]


def sent(outbox: Outbox) -> list[dict[str, Any]]:
    return [json.loads(one.payload) for one in outbox.freeze(outbox.epoch, pending(outbox))]


def test_a_hit_before_the_first_sync_waits_and_is_dated_as_soon_as_the_clock_is_known(
    outbox: Outbox, clock: HandClock
) -> None:
    outbox.commit([hit(90.0), exposure(60.0, 99.0)])
    assert pending(outbox) == []
    assert outbox.waits_for_clock
    clock.known = True
    one, record = (parse_message(json.dumps(message).encode()) for message in sent(outbox))
    assert isinstance(one, HitMessage)
    assert not outbox.waits_for_clock
    assert parse_utc_ns(one.time_utc) == RIGHT_NS + 90 * NS
    assert parse_utc_ns(one.window_start_utc) == RIGHT_NS + 90 * NS - 5_000_000
    assert parse_utc_ns(one.window_end_utc) == RIGHT_NS + 90 * NS + 6_000_000
    assert (one.clock, one.time_uncertainty_s) == ("synced", 0.002)
    assert (record.from_utc, record.to_utc) == tuple(
        format_utc_ns(RIGHT_NS + at * NS) for at in (60, 99)
    )
    assert outbox.counts().totals["dated_late"] == 2


def test_the_archive_has_the_date_that_was_sent(outbox: Outbox, clock: HandClock) -> None:
    outbox.commit([hit(90.0)])
    clock.known = True
    (message,) = sent(outbox)
    row = outbox._store.read(lambda db: db.execute("SELECT time_utc, body FROM archive").fetchone())
    assert row[0] == message["time_utc"]
    assert json.loads(row[1])["clock"] == "synced"


def test_after_the_wait_it_goes_out_unsynced_and_stays_as_it_was_sent(
    outbox: Outbox, clock: HandClock
) -> None:
    outbox.commit([hit(90.0), hit(99.0)])
    clock.now_s = 90 + 600
    (first,) = sent(outbox)
    assert (first["clock"], first["boot_id"], first["time_boot_ns"]) == ("unsynced", BOOT, 90 * NS)
    clock.known = True
    again, second = sent(outbox)
    assert again == first  # frozen at its first publish
    assert second["clock"] == "synced"


def test_messages_leave_in_their_order(outbox: Outbox, clock: HandClock) -> None:
    outbox.commit([hit(90.0, state="synced"), hit(91.0), hit(92.0, state="synced")])
    assert pending(outbox) == [1]
    clock.known = True
    assert pending(outbox) == [1, 2, 3]


@pytest.mark.parametrize(
    "free", [hit(90.0, boot_id="an-earlier-boot"), hit(90.0, origin="simulation")]
)
def test_another_boot_and_a_simulation_wait_for_nothing(
    outbox: Outbox, clock: HandClock, free: Draft
) -> None:
    outbox.commit([free])
    (message,) = sent(outbox)
    assert message["clock"] == "unsynced"
    clock.known = True
    assert sent(outbox) == [message]


def test_a_hit_of_the_future_does_not_wait_for_it(outbox: Outbox) -> None:
    outbox.commit([hit(1.7e9)])
    (message,) = sent(outbox)
    assert message["clock"] == "unsynced"


def test_a_wait_of_zero_keeps_nothing_back(tmp_path: Path, clock: HandClock) -> None:
    outbox = Outbox.open(tmp_path, "cellar-1")
    outbox.date_by(Dating(clock, 0))
    outbox.commit([hit(99.0)])
    assert pending(outbox) == [1]
    outbox.close()


def test_what_waits_survives_a_restart_in_the_same_boot(tmp_path: Path, clock: HandClock) -> None:
    for known in (False, True):
        clock.known = known
        outbox = Outbox.open(tmp_path, "cellar-1")
        outbox.date_by(Dating(clock, 600))
        if not known:
            outbox.commit([hit(90.0)])
            assert pending(outbox) == []
        else:
            assert [one["clock"] for one in sent(outbox)] == ["synced"]
        outbox.close()


def test_a_restart_s_dead_time_stays_before_the_record_that_tells_of_it(
    outbox: Outbox, clock: HandClock
) -> None:
    outbox.commit([exposure(60.0, 99.0, {"restart": 7 * NS})])
    clock.known = True
    (record,) = sent(outbox)
    assert parse_utc_ns(record["from_utc"]) == RIGHT_NS + 53 * NS


def test_what_went_out_undated_is_told_at_the_next_sync_even_after_a_restart(
    tmp_path: Path,
) -> None:
    clock, told = HandClock(), []
    watch = FirstSync(clock, "camera", tmp_path, lambda draft: told.append(draft) or True)
    outbox = Outbox.open(tmp_path, "cellar-1")
    outbox.date_by(Dating(clock, 0, watch.owe))
    outbox.commit([hit(90.0)])
    assert [one["clock"] for one in sent(outbox)] == ["unsynced"]
    outbox.close()
    watch.look()
    assert told == []  # nobody knows the time yet
    again = FirstSync(clock, "camera", tmp_path, lambda draft: told.append(draft) or True)
    clock.known = True
    for _ in range(3):
        again.look()
    assert [draft.kind for draft in told] == ["clock"]
    assert told[0].body["boot_id"] == BOOT
    assert told[0].body["from_boot_ns"] == 90 * NS, "since the first that went out undated"
    FirstSync(clock, "camera", tmp_path, lambda draft: told.append(draft) or True).look()
    assert len(told) == 1


def test_it_is_told_again_where_the_disk_took_it_not(tmp_path: Path) -> None:
    clock, told, takes = HandClock(known=True), [], [False, True]
    watch = FirstSync(clock, "camera", tmp_path, lambda draft: told.append(draft) or takes.pop(0))
    watch.owe(5)
    for _ in range(4):
        watch.look()
    assert len(told) == 2


def test_another_boot_owes_nothing_and_neither_does_a_clock_that_was_known(
    tmp_path: Path,
) -> None:
    told: list[Draft] = []
    FirstSync(HandClock(), "camera", tmp_path, lambda draft: True).owe(5)
    later = HandClock(known=True, boot_id="another")
    FirstSync(later, "camera", tmp_path, lambda draft: told.append(draft) or True).look()
    recorded = FirstSync(
        HandClock(known=True, boot_id=None), "recording", tmp_path, lambda draft: True
    )
    recorded.owe(5)
    recorded.look()
    assert told == []


@pytest.mark.mosquitto
def test_hits_come_out_right_after_the_first_sync(tmp_path: Path, clock: HandClock) -> None:
    with (
        mosquitto() as broker,
        Server(broker.url) as server,
        running(tmp_path, broker.url) as (outbox, uplink),
    ):
        outbox.date_by(Dating(clock, 600))
        outbox.commit([Draft("calibration", body("calibration"), "camera")])
        outbox.commit([hit(90.0 + n / 100) for n in range(50)])
        uplink.wake()
        wait_until(lambda: server.of("calibration") and "clock" in uplink.stats.last_error)
        assert server.of("hit") == []
        begun = time.monotonic()
        assert not uplink.drain(30)
        assert time.monotonic() - begun < 5  # an end in order does not wait for the clock
        clock.known = True
        assert uplink.drain(5)
        dated = [parse_utc_ns(one["time_utc"]) for one in server.of("hit")]
        assert dated == [RIGHT_NS + round((90 + n / 100) * NS) for n in range(50)]
        assert uplink.stats.last_error == ""
        assert outbox.counts().owed == {}
