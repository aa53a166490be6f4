"""The broker is away for a day and the hits of a day wait; then all of them are stored, once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge.delivery import BrokerAddress
from edge.detection import Draft
from edge.fleet.made import MadeHits
from edge.fleet.rig import FleetRig
from edge.messages import format_utc_ns
from edge.server.brokers import find_mosquitto
from tests.edge.server.databases import rows
from tests.postgres import why_not
from tests.system.chaos.world import World, world

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.postgresql,
    pytest.mark.skipif(find_mosquitto() is None, reason="needs Debian's mosquitto"),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

DAY_S = 86_400.0
STEPS = 1440
BEGAN_NS = 1_790_000_000 * 10**9
NAME = "patient"


class Day:
    """A rig whose clock is the test's: a day passes while it makes its hits."""

    def __init__(self, rig: FleetRig, hits: int) -> None:
        self.rig, self.hits, self.made = rig, hits, 0
        self.now_s = DAY_S
        self._bodies = MadeHits(crop_px=8)

    def pass_without_broker(self) -> None:
        """Make all hits, minute by minute, and try to connect as a rig does."""
        for minute in range(STEPS):
            now_s = minute * DAY_S / STEPS
            due = (minute + 1) * self.hits // STEPS
            drafts = [self._draft(number, now_s) for number in range(self.made + 1, due + 1)]
            if drafts:
                self.rig.outbox.commit(drafts)
            self.made = due
            self.rig.turn(now_s)

    def _draft(self, number: int, now_s: float) -> Draft:
        draft = self._bodies.draft(number)
        seen_ns = BEGAN_NS + int(now_s * 1e9) + number
        times = ("time_utc", "window_start_utc", "window_end_utc")
        return replace(draft, body=draft.body | dict.fromkeys(times, format_utc_ns(seen_ns)))

    def deliver(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Go on after the day; while there is no connection, twenty times as fast."""
        deadline = last = time.monotonic()
        deadline += timeout_s
        while (now := time.monotonic()) < deadline:
            self.now_s += (now - last) * (1.0 if self.rig.connected else 20.0)
            last = now
            self.rig.turn(self.now_s)
            if done():
                return True
            time.sleep(0.002)
        return False


@pytest.mark.timeout(400)
@pytest.mark.prove
@pytest.mark.parametrize("hits", [100_000])
def test_a_day_of_hits_waits_for_the_broker_and_is_stored_once(tmp_path: Path, hits: int) -> None:
    with world(tmp_path) as all_of_it:
        all_of_it.collector.kill()
        all_of_it.broker.kill()
        address = BrokerAddress.parse(all_of_it.url(NAME))
        with closing(_closing(tmp_path / "state", address)) as handle:
            day = Day(handle.rig, hits)
            day.pass_without_broker()
            assert day.rig.outbox.counts().owed == {"hit": hits}
            all_of_it.broker.start()
            all_of_it.collector.start()
            all_of_it.wait(1.5)  # else the first messages find nobody, and go again after a while
            for part, victim in ((0.3, "broker"), (0.5, "collector"), (0.7, "postgresql")):
                _deliver_until(all_of_it, day, part)
                all_of_it.kill(victim)
                all_of_it.start(victim)
            _deliver_until(all_of_it, day, 1.0)
            totals = day.rig.outbox.counts().totals
        stored = rows(
            all_of_it.database,
            "SELECT count(*), count(DISTINCT frame), min(frame), max(frame),"
            " extract(epoch FROM max(time_utc) - min(time_utc)) FROM hits",
        )[0]
    assert stored[:4] == (hits, hits, 1, hits)
    assert DAY_S - 120 < float(stored[4]) < DAY_S
    assert (totals["hits_made"], totals["hits_acknowledged"]) == (hits, hits)
    assert totals.get("hits_lost", 0) == 0


class _closing:
    def __init__(self, state: Path, address: BrokerAddress) -> None:
        self.rig = FleetRig(NAME, state, address, address.tls_context(), ack_timeout_s=5.0)

    def close(self) -> None:
        self.rig.close(DAY_S)


def _deliver_until(all_of_it: World, day: Day, part: float) -> None:
    def done() -> bool:
        all_of_it.supervise()
        return day.rig.outbox.hits_acknowledged >= part * day.hits

    assert day.deliver(done, 150.0), day.rig.outbox.counts()
