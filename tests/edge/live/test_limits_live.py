"""A run keeps to its limits and keeps the time it knew, as configured."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from edge.clock import kept
from edge.config.load import load_config
from edge.delivery import BrokerAddress
from edge.delivery.outbox import Outbox
from edge.live.session import Session
from edge.sources import open_source
from tests.edge.clock.rig import reply, serving

SOURCE = "sim:?width=64&height=48&fps=30&seed=1&hits_per_min=300"


def run(folder: Path, *servers: str) -> None:
    config = load_config(
        None,
        {
            "rig.state_dir": str(folder),
            "rig.name": "cellar-1",
            "clock.ntp_servers": list(servers),
            "clock.chrony": False,
        },
    )
    source = open_source(SOURCE)
    broker = BrokerAddress.parse("mqtt://127.0.0.1:9", environ={})
    Session(config, source, broker).run(threading.Event(), duration_s=3.0)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="needs boot time")
def test_a_run_keeps_the_time_its_servers_told_and_the_next_one_starts_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "SURE_S", 0.5)
    monkeypatch.setattr("edge.live.session.DRAIN_S", 0.2)
    with serving(reply) as one, serving(reply) as two, serving(reply) as three:
        run(tmp_path, one, two, three)
    assert abs(kept.read_floor_s(tmp_path) - time.time()) < 30
    days = Outbox.open(tmp_path, "cellar-1")
    marks = days._store._db.execute("SELECT day FROM day_mark").fetchall()
    days.close()
    assert [day for (day,) in marks][-1] == int(time.time()) // 86_400
