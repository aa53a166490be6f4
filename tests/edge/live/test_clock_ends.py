"""What a session has begun ends with it."""

from __future__ import annotations

import threading
from pathlib import Path

from edge.clock.live import live_clock
from edge.config.clock import ClockConfig


def asking() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("ntp ")]


def test_a_clock_that_asks_servers_asks_no_more(tmp_path: Path) -> None:
    clock = live_clock(ClockConfig(ntp_servers=("127.0.0.1:1",), chrony=False))
    assert "ntp 127.0.0.1" in asking()
    clock.close()
    assert "ntp 127.0.0.1" not in asking()
