"""A fleet that lost its broker comes back spread over time, as full jitter promises."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge.delivery import BrokerAddress
from edge.delivery.transport import Transport
from edge.fleet.fleet import Fleet, Rehearsal
from tests.brokers import Mosquitto, mosquitto
from tests.edge.fleet.test_fleet import collecting, stored

_LAST_WAIT_S = 60.0
_PUBLISH = re.compile(r"(Received|Sending) PUBLISH \w+ cosmic-edge-fleet-\d+ .*/(\w+)'")


@dataclass
class Attempts:
    """When each rig tried to connect, in seconds that only rise."""

    by_rig: dict[bytes, list[float]] = field(default_factory=dict)

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Note every call of `Transport.open`, the refused ones too."""
        whole: Callable[[Transport], None] = Transport.open

        def noted(transport: Transport) -> None:
            name = transport._client._client_id
            self.by_rig.setdefault(name, []).append(time.monotonic())
            whole(transport)

        monkeypatch.setattr(Transport, "open", noted)

    def most_in_a_second(self, since_s: float) -> int:
        """The busiest second after an instant, wherever it begins."""
        times = sorted(one for tried in self.by_rig.values() for one in tried if one >= since_s)
        most = first = 0
        for last, one in enumerate(times):
            while times[first] < one - 1.0:
                first += 1
            most = max(most, last - first + 1)
        return most

    def shares(self, lost_s: float, back_s: float) -> list[float]:
        """Each wait while nobody is there, as a share of the longest that it could have been.

        From attempt to attempt: the first wait begins when a rig sees what happened.
        """
        found = []
        for tried in self.by_rig.values():
            outage = [one for one in tried if lost_s < one < back_s]
            for n, (before, after) in enumerate(pairwise(outage), start=1):
                found.append((after - before) / min(_LAST_WAIT_S, 2.0**n))
        return found


@dataclass
class Outage:
    """A broker that dies when all rigs are connected, and comes back later."""

    broker: Mosquitto
    away_s: float
    lost_s: float = 0.0
    back_s: float = 0.0
    acknowledged: int = 0

    def beside(self, fleet: Fleet) -> threading.Thread:
        """The thread in which it happens."""
        return threading.Thread(target=self._happen, args=(fleet,))

    def _happen(self, fleet: Fleet) -> None:
        while fleet.connected < len(fleet.rigs):
            time.sleep(0.05)
        self.acknowledged = fleet.acknowledged
        self.broker.kill()
        self.lost_s = time.monotonic()
        time.sleep(self.away_s)
        self.broker.start()
        self.back_s = time.monotonic()


def storm(
    folder: Path, monkeypatch: pytest.MonkeyPatch, plan: Rehearsal, away_s: float
) -> tuple[dict[str, Any], Attempts, Outage, Counter[str]]:
    """Rehearse, and count what the broker was asked for after it came back."""
    attempts = Attempts()
    attempts.watch(monkeypatch)
    with mosquitto(options="max_queued_messages 100000") as broker:
        with collecting(broker, folder / "server.sqlite"):
            fleet = Fleet(plan, BrokerAddress.parse(broker.url, environ={}), folder / "rigs")
            outage = Outage(broker, away_s)
            thread = outage.beside(fleet)
            thread.start()
            try:
                summary = fleet.run(lambda: False)
            finally:
                thread.join()
                fleet.close()
        log = broker.log
    after = log[log.rindex("mosquitto version") :]
    traffic = Counter(map(" ".join, _PUBLISH.findall(after)))
    return summary, attempts, outage, traffic


def check(folder: Path, plan: Rehearsal, summary: dict[str, Any]) -> None:
    hits = plan.rigs * plan.hits
    assert (summary["hits"], summary["acknowledged"], summary["owed"]) == (hits, hits, 0)
    found = stored(folder / "server.sqlite")
    assert len(found) == len(set(found)) == hits
    assert summary["connections"] >= 2 * plan.rigs


def check_traffic(plan: Rehearsal, summary: dict[str, Any], traffic: Counter[str]) -> None:
    """No more than one watermark for each hit, the retained one, and one status a connection."""
    sent = traffic["Received hit"]
    assert 0 < sent <= plan.rigs * plan.hits + summary["resent"]
    assert traffic["Sending ack"] <= sent + plan.rigs
    assert traffic["Received status"] <= 3 * plan.rigs


@pytest.mark.mosquitto
@pytest.mark.timeout(120)
def test_rigs_that_lost_their_broker_come_back_spread_over_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Rehearsal(60, 6, over_s=6, ack_timeout_s=5, patience_s=80, crop_px=16)
    summary, attempts, outage, traffic = storm(tmp_path, monkeypatch, plan, away_s=5)
    check(tmp_path, plan, summary)
    shares = attempts.shares(outage.lost_s, outage.back_s)
    assert max(shares) < 1.5  # the turn of the others comes between
    assert 0.3 < sum(shares) / len(shares) < 0.7
    assert attempts.most_in_a_second(outage.back_s) <= plan.rigs // 2
    check_traffic(plan, summary, traffic)


@pytest.mark.prove
@pytest.mark.mosquitto
@pytest.mark.timeout(600)
def test_a_thousand_rigs_that_come_back_at_once_do_not_storm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Made before, so that one thread is quick enough to be a thousand rigs.
    plan = Rehearsal(1000, 20, over_s=0, ack_timeout_s=30, patience_s=300, crop_px=16)
    summary, attempts, outage, traffic = storm(tmp_path, monkeypatch, plan, away_s=20)
    shares = attempts.shares(outage.lost_s, outage.back_s)
    print(summary, "acknowledged before:", outage.acknowledged)
    print("attempts in the busiest second: of the outage", attempts.most_in_a_second(outage.lost_s))
    print("after the broker came back", attempts.most_in_a_second(outage.back_s))
    print("mean share of the ceiling", sum(shares) / len(shares), "messages after", dict(traffic))
    check(tmp_path, plan, summary)
    assert 0.4 < sum(shares) / len(shares) < 0.6
    assert attempts.most_in_a_second(outage.back_s) <= plan.rigs // 5
    check_traffic(plan, summary, traffic)
