"""A clock daemon's word: chronyd's own, read from a real one, and the kernel's beside it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edge.clock import SystemClock, boottime_ns
from edge.clock.chrony import Tracking, parse_tracking, read_tracking
from edge.clock.daemon import DaemonWord
from edge.clock.live import live_clock
from edge.clock.ntp import NtpClock
from edge.config.clock import ClockConfig
from tests.edge.clock.rig import chronyd, free_port, program
from tests.edge.waiting import wait_until

LINE = (
    "C0A80101,192.168.1.1,3,1790000000.123,-0.000012,0.000003,0.00002,-7.214,0.001,0.05,"
    "0.004,0.0006,64.2,Normal"
)
S = 1_000_000_000


def test_tracking_gives_the_bound_of_chronys_manual():
    found = parse_tracking(LINE)
    assert found == Tracking("192.168.1.1", 3, 1790000000.123, -0.000012, 0.004, 0.0006, "Normal")
    assert found.bound_s == pytest.approx(0.000012 + 0.0006 + 0.002)


def test_chronyd_without_a_source_is_unsynced():
    line = LINE.replace("Normal", "Not synchronised").replace(",3,", ",0,")
    assert parse_tracking(line).bound_s == 16.0


@pytest.mark.parametrize(
    "line", ["", "506 Cannot talk to daemon", LINE + ",x", LINE.replace("3", "x")]
)
def test_what_is_no_tracking_is_no_word(line):
    assert parse_tracking(line) is None


def test_real_chronyd_tells_its_state(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{Path(program('chronyc')).parent}")
    folder = tmp_path / "run"
    folder.mkdir(mode=0o750)
    socket, port = folder / "chronyd.sock", free_port()
    with chronyd(tmp_path, port, more=f"bindcmdaddress {socket}"):
        wait_until(socket.exists, 5)
        word = DaemonWord(lambda: read_tracking(2.0, str(socket)), lambda: 0.5)
        wait_until(lambda: (said := word.refresh()) is not None and said.is_synced, 10)
        said = word.refresh()
        assert said.stratum == 3  # `local stratum 3`
        assert word() == pytest.approx(said.bound_s, abs=1e-3)
        assert SystemClock(max_error_s=word).stamp(boottime_ns()).state == "synced"
    assert read_tracking(2.0, str(socket)) is None


def test_client_that_hangs_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "chronyc").write_text("#!/bin/sh\nexec sleep 30\n")
    (tmp_path / "chronyc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    begun = time.monotonic()
    assert read_tracking(0.2) is None
    assert time.monotonic() - begun < 5


def test_asking_for_the_bound_never_waits():
    def slow() -> Tracking:
        time.sleep(0.5)
        return parse_tracking(LINE)

    word = DaemonWord(slow, lambda: 0.5)
    begun = time.monotonic()
    assert word() == 0.5  # the kernel's, until chronyd's is there
    assert time.monotonic() - begun < 0.3
    wait_until(lambda: word() < 0.1, 5)


def test_word_grows_old_and_then_is_none():
    now, said = [0], [parse_tracking(LINE)]
    word = DaemonWord(lambda: said[0], lambda: 0.5, now=lambda: now[0])
    bound_s = word.refresh().bound_s
    now[0] = 10 * S
    assert word() == pytest.approx(bound_s + 150e-6)
    said[0] = None  # chronyd has stopped
    now[0] = 100 * S
    word.refresh()
    assert word() == pytest.approx(bound_s + 1500e-6)
    now[0] = 400 * S
    word.refresh()
    assert word() == 0.5


def test_chronyd_that_lost_its_sources_outweighs_the_kernel():
    lost = parse_tracking(LINE.replace("Normal", "Not synchronised"))
    word = DaemonWord(lambda: lost, lambda: 0.001)
    word.refresh()
    assert SystemClock(max_error_s=word).stamp(boottime_ns()).state == "unsynced"


def test_configuration_chooses_the_clock():
    assert isinstance(live_clock(ClockConfig()), SystemClock)
    assert isinstance(live_clock(ClockConfig(chrony=False)), SystemClock)
    clock = live_clock(
        ClockConfig(ntp_servers=("127.0.0.1:9",), ntp_poll_least_s=100, ntp_poll_most_s=200)
    )
    assert isinstance(clock, NtpClock)
    clock.close()
    (server,) = clock.servers
    assert (server.polling.least_s, server.polling.most_s) == (100, 200)


def test_shortest_wait_above_the_longest_is_refused():
    with pytest.raises(ValueError, match="must not be above"):
        ClockConfig(ntp_poll_least_s=2000)
