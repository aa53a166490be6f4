"""The word of systemd-timesyncd."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.clock import SystemClock, boottime_ns, timesync
from edge.clock.daemon import DaemonWord
from edge.clock.timesync import Followed, parse_message, read_followed

# As busctl prints it: stratum 2, 30.518 ms root delay, 1.007 ms root dispersion, 24 ms there and
# back of which the server needed 40 µs.
LINE = (
    "(uuuuittayttttbtt) 0 4 4 2 4294967272 30518 1007 4 193 79 237 14 1790000000000000 "
    "1790000000012000 1790000000012040 1790000000024000 false 7 812"
)


def test_message_gives_the_distance_of_the_server():
    found = parse_message(LINE)
    assert found is not None
    assert found.distance_s == pytest.approx(0.015259 + 0.001007 + 0.01198)
    assert found.reference_s == pytest.approx(1790000000.024)
    assert not found.ignored
    assert parse_message(LINE.replace("false", "true")).ignored


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Failed to get property NTPMessage",
        LINE[:-4],
        LINE.replace("30518", "x"),
        LINE.replace(" 4 193", " 99 193"),
        "(uuuuittayttttbtt) 0 0 0 0 0 0 0 4 0 0 0 0 0 0 0 0 false 0 0",
        "(uuuuittayttttbtt)",
        "(uuuuittayttttbtt) 0 4 4 2 0 1 1",
    ],
)
def test_what_is_no_answer_is_no_word(line):
    assert parse_message(line) is None


def test_kernels_word_holds_the_more_by_how_far_the_server_is():
    followed = [Followed(0.028, 1.0)]
    word = DaemonWord(lambda: None, lambda: 0.0005, follow=lambda: followed[0])
    word.refresh()
    assert word() == pytest.approx(0.0285)
    assert (word.source, word.reference_s()) == ("systemd-timesyncd", 1.0)
    assert SystemClock(max_error_s=word).stamp(boottime_ns()).uncertainty_s > 0.028
    followed[0] = Followed(3.0, 2.0, ignored=True)  # a spike, of which timesyncd makes nothing
    word.refresh()
    assert word() == pytest.approx(0.0285)
    followed[0] = None
    word.refresh()
    assert (word(), word.source, word.reference_s()) == (0.0005, "the kernel", None)


def test_kernel_that_knows_nothing_is_not_better_for_a_server():
    word = DaemonWord(lambda: None, lambda: None, follow=lambda: Followed(0.028, 1.0))
    word.refresh()
    assert word() is None


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A busctl that says what a file does, and a timesyncd that runs."""
    program = tmp_path / "busctl"
    program.write_text(f'#!/bin/sh\ncase "$*" in *NTPMessage) cat {tmp_path}/said;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(timesync, "_RUNS", tmp_path)
    return tmp_path


def test_timesyncd_is_asked_over_the_bus(asked: Path):
    (asked / "said").write_text(LINE + "\n")
    assert read_followed() == parse_message(LINE)
    (asked / "said").unlink()
    assert read_followed() is None


def test_nobody_is_asked_where_timesyncd_does_not_run(asked: Path, monkeypatch):
    (asked / "said").write_text(LINE + "\n")
    monkeypatch.setattr(timesync, "_RUNS", asked / "absent")
    assert read_followed() is None


def test_bus_that_hangs_is_given_up(asked: Path):
    (asked / "busctl").write_text("#!/bin/sh\nexec sleep 30\n")
    assert read_followed(0.2) is None
