"""The last time that was known, and what it keeps from being believed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import Clock, Stamp, SystemClock
from edge.clock.era import FLOOR_S
from edge.clock.kept import EVERY_S, FILE_NAME, KeptTime, behind_floor, read_floor_s
from edge.clock.live import live_clock
from edge.clock.reading import Reading
from edge.config.clock import ClockConfig
from edge.doctor.clock import clock as doctor_clock
from tests.edge.clock.rig import reply, serving
from tests.edge.hand_clock import NS, RIGHT_NS, HandClock

FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
REPOSITORY = Path(__file__).resolve().parents[3]


def pass_time(kept: KeptTime, clock: HandClock, seconds: float, step_s: float = 30.0) -> None:
    for _ in range(round(seconds / step_s)):
        clock.now_s += step_s
        kept.look()
    wait_for_threads()


def wait_for_threads() -> None:
    import threading

    for thread in threading.enumerate():
        if thread.name == "kept time":
            thread.join(10)


def now_s(clock: HandClock) -> float:
    return RIGHT_NS / NS + clock.now_s


def write_floor(folder: Path, unix_s: float) -> None:
    moment = datetime.fromtimestamp(unix_s, UTC)
    (folder / FILE_NAME).write_text(moment.strftime("%Y-%m-%dT%H:%M:%SZ\n"))


def test_known_time_is_kept_soon_and_then_each_half_hour(tmp_path: Path) -> None:
    clock = HandClock(known=True)
    kept = KeptTime(tmp_path, read_floor_s(tmp_path), clock)
    pass_time(kept, clock, 150)
    first = read_floor_s(tmp_path)
    assert 0 <= now_s(clock) - first < 100
    writes = set()
    for _ in range(8):
        pass_time(kept, clock, EVERY_S / 4)
        writes.add(read_floor_s(tmp_path))
    assert len(writes) in (2, 3)
    kept.close()
    assert 0 <= now_s(clock) - read_floor_s(tmp_path) <= 2


def test_kept_time_goes_on_by_boot_time_while_nothing_is_known(tmp_path: Path) -> None:
    write_floor(tmp_path, FLOOR_S + 1000)
    clock = HandClock(known=False)
    kept = KeptTime(tmp_path, read_floor_s(tmp_path), clock)
    pass_time(kept, clock, 3600)
    kept.close()
    assert 3599 <= read_floor_s(tmp_path) - FLOOR_S - 1000 <= 3600


def test_nothing_is_kept_where_nothing_was_ever_known(tmp_path: Path) -> None:
    for clock in (HandClock(known=False), HandClock(known=True, boot_id=None)):
        kept = KeptTime(tmp_path, read_floor_s(tmp_path), clock)
        pass_time(kept, clock, 7200)
        kept.close()
    assert not (tmp_path / FILE_NAME).exists()
    assert read_floor_s(tmp_path) == FLOOR_S


def test_a_time_that_is_right_for_a_moment_alone_is_not_kept(tmp_path: Path) -> None:
    class Leaping(HandClock):
        def stamp(self, time_ns: int) -> Stamp:
            away_ns = round(self.now_s) // 60 * 10**6 * NS
            return Stamp(RIGHT_NS + time_ns + away_ns, 0.01, "synced")

    clock = Leaping(known=True)
    kept = KeptTime(tmp_path, read_floor_s(tmp_path), clock)
    pass_time(kept, clock, 7200)
    kept.close()
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize("text", ["", "rubbish", "2026-13-01T00:00:00Z", "1999-01-01T00:00:00Z"])
def test_a_damaged_file_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    assert read_floor_s(tmp_path) == FLOOR_S


def test_a_folder_that_takes_nothing_costs_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HandClock(known=True)
    kept = KeptTime(tmp_path / "gone", FLOOR_S, clock)
    pass_time(kept, clock, 300)
    kept.close()
    assert "the time is not kept" in caplog.text


@given(steps=st.lists(st.tuples(st.integers(1, 4000), st.booleans(), st.booleans()), max_size=30))
def test_kept_time_is_never_in_the_future(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool, bool]]
) -> None:
    """`steps`: seconds that pass, whether the clock is known, whether the rig starts anew."""
    folder = tmp_path_factory.mktemp("kept")
    clock = HandClock(known=False)
    kept = KeptTime(folder, read_floor_s(folder), clock)
    for seconds, known, anew in steps:
        clock.now_s += seconds
        clock.known = known
        kept.look()
        wait_for_threads()
        if anew:
            kept.close()
            kept = KeptTime(folder, read_floor_s(folder), clock)
        floor_s = read_floor_s(folder)
        assert floor_s == FLOOR_S or floor_s <= now_s(clock)


def test_a_system_clock_before_the_kept_time_is_not_believed() -> None:
    now = time.time()
    for floor_s, state in ((int(now) - 5, "synced"), (int(now) + 3600, "unsynced")):
        clock = SystemClock(max_error_s=lambda: 0.01, floor_s=floor_s)
        stamp = clock.stamp(clock.boottime_ns())
        assert stamp.state == state
        assert clock.is_known() == (state == "synced")
        assert (stamp.uncertainty_s is None) == (state == "unsynced")


def test_a_clock_that_is_set_right_is_believed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time_ns
    late_ns = 30 * 86_400 * NS
    monkeypatch.setattr(time, "time_ns", lambda: real() - late_ns)
    clock = SystemClock(refresh_s=0.0, max_error_s=lambda: 0.01, floor_s=int(real() / NS) - 60)
    assert not clock.is_known()
    monkeypatch.setattr(time, "time_ns", real)
    assert clock.is_known()


def test_a_clock_that_stands_by_its_word_for_a_day_is_believed_against_the_kept_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong clock had set the kept time; no one is there to remove it."""
    began, passed = time.time_ns(), [0]

    def read() -> Reading:
        boot_ns = 1000 * NS + passed[0]
        return Reading(boot_ns, boot_ns, began + passed[0], boot_ns)

    clock = SystemClock(0.0, lambda: 0.01, floor_s=began // NS + 10**8, read=read)
    states = []
    for hour in range(27):
        passed[0] = hour * 3600 * NS
        states.append(clock.is_known())
    assert not any(states[:24])
    assert all(states[24:])
    began -= 5 * NS  # it is set once more: the day begins anew
    passed[0] += 3600 * NS
    assert not clock.is_known()


def test_servers_date_a_rig_whose_own_clock_is_weeks_back() -> None:
    """The majority of servers is believed, whatever the system's clock says and was kept."""
    soon = int(time.time()) + 40 * 86_400
    with serving(reply) as one, serving(reply) as two, serving(reply) as three:
        clock: Clock = live_clock(ClockConfig(ntp_servers=(one, two, three), chrony=False), soon)
        deadline = time.monotonic() + 10
        while not clock.is_known() and time.monotonic() < deadline:
            time.sleep(0.02)
        stamp = clock.stamp(clock.boottime_ns())
        clock.close()
    assert stamp.state == "synced"
    assert abs(stamp.utc_ns / NS - time.time()) < 1


SCRIPT = """
import json, sys, time
from pathlib import Path
from edge.clock import SystemClock
from edge.clock.kept import KeptTime, behind_floor, read_floor_s
folder = Path(sys.argv[1])
clock = SystemClock(max_error_s=lambda: 0.01, floor_s=read_floor_s(folder))
kept = KeptTime(folder, read_floor_s(folder), clock)
stamp = clock.stamp(clock.boottime_ns())
kept.close()
behind = behind_floor(folder, read_floor_s(folder))
print(json.dumps({"state": stamp.state, "wall": time.time(), "behind": behind}))
"""


def in_process(folder: Path, shift: str) -> dict[str, object]:
    """A process of its own whose wall clock, not its boot time, is shifted."""
    environment = {
        **os.environ, "LD_PRELOAD": str(FAKETIME), "FAKETIME": shift, "DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        capture_output=True, text=True, check=True, cwd=REPOSITORY, env=environment,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not here")
def test_a_process_that_starts_weeks_back_does_not_believe_its_clock(tmp_path: Path) -> None:
    write_floor(tmp_path, time.time())
    late = in_process(tmp_path, "-21d")
    assert isinstance(late["wall"], float)
    assert time.time() - late["wall"] > 20 * 86_400
    assert late["state"] == "unsynced"
    assert "is not believed; set it, or remove" in str(late["behind"])
    right = in_process(tmp_path, "+0")
    assert (right["state"], right["behind"]) == ("synced", "")
    assert abs(read_floor_s(tmp_path) - time.time()) < 60, "a start weeks back moves nothing"


def test_doctor_names_a_clock_that_is_before_the_kept_time(tmp_path: Path) -> None:
    def good() -> SystemClock:
        return SystemClock(max_error_s=lambda: 0.01)

    found = doctor_clock(system=good, behind=behind_floor(tmp_path, read_floor_s(tmp_path)))
    assert found.verdict == "ok"
    assert found.detail.endswith(", by the kernel")
    write_floor(tmp_path, time.time() + 86_400)
    behind = behind_floor(tmp_path, read_floor_s(tmp_path))
    found = doctor_clock(system=good, behind=behind)
    assert (found.verdict, found.detail, found.data["state"]) == ("warn", "unsynced", "unsynced")
    assert behind in found.advice
