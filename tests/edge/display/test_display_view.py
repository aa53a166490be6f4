"""The live table: what it says at 80 and 120 columns, and when it keeps quiet."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from edge.display import CropView, LiveDisplay, Snapshot, render, summary_table, units
from edge.display.snapshot import chance_of_none, expected_muons

CROP = np.zeros((60, 60), np.uint16)
CROP[30, 28:33] = 500
FULL = Snapshot(
    command="run",
    rig="roof-1",
    source="picamera:",
    state="watching",
    note="broker away, trying again in 4 s",
    elapsed_s=753,
    frames_per_s=29.84,
    frames={"received": 22431, "processed": 21899, "calibrating": 500, "dropped": 31, "bad": 1},
    live_time_s=730.1,
    dead_time_s={"dropped": 1.1, "calibrating": 16.7},
    area_cm2=0.1,
    hits=4,
    by_class={"spot": 2, "track": 1, "worm": 1},
    candidates=435,
    rejected={"edge": 11, "hot_pixel": 400, "persistent": 20},
    clock="synced",
    clock_uncertainty_s=0.0021,
    temperature_c=31.5,
    calibration_id="c0ffee",
    connection="connected",
    published=7,
    acknowledged=4,
    outbox=3,
    crops=tuple(CropView(CROP, label, "12:34:56") for label in ("track", "artefact") * 4),
)


def text_of(what: Any, width: int = 80, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    Console(file=file, width=width, color_system=None).print(what)
    file.flush()
    return raw.getvalue().decode(encoding)


def flat_of(what: Any) -> str:
    return " ".join(text_of(what).replace("│", " ").split())


@pytest.mark.parametrize("width", [60, 80, 120])
def test_everything_known_is_said_in_the_width_there_is(width: int) -> None:
    text = text_of(render(FULL), width)
    assert all(len(line) <= width for line in text.splitlines())
    flat = " ".join(text.replace("│", " ").split())
    for part in (
        "cosmic-edge run · roof-1 · picamera:",
        "29.8/s",
        "22,431 received",
        "31 dropped",
        "12 min 10 s",
        "97.6 %",
        "4 found",
        "2 spot",
        "1.2 expected",
        "431 of 435 candidates",
        "hot_pixel 400",
        "synced ±2.1 ms",
        "sensor 31.5 °C",
        "7 published",
        "4 acknowledged",
        "3 owed",
        "c0ffee",
        "trying again in 4 s",
        "watching",
    ):
        assert part in flat, part
    assert flat.index("hot_pixel") < flat.index("persistent") < flat.index("edge 11")
    crops = (width - 2) // 19
    assert text.count("track 12:34:56") == -(-crops // 2)
    assert text.count("artefact 12:34:56") == crops // 2


def test_what_is_not_known_is_not_shown() -> None:
    text = text_of(render(Snapshot(command="replay", hits=0)))
    assert "expected rate unknown: muons are about 1 per cm² and minute" in text
    for word in ("clock", "delivery", "frames", "live", "rejected", "calibration", "note"):
        assert word not in text
    assert len(text_of(render(Snapshot())).splitlines()) == 2


def test_no_hit_yet_reads_as_normal() -> None:
    early = Snapshot(hits=0, area_cm2=0.1, live_time_s=600)
    assert "1.0 expected" in flat_of(render(early))
    assert "a chance of 37 % for none yet" in flat_of(render(early))
    assert "expected" not in flat_of(render(replace(early, live_time_s=0.0)))
    late = replace(early, live_time_s=60_000)
    assert "less than 1 %" in flat_of(render(late))
    assert "2.0 expected (about 2 per" in flat_of(render(replace(early, muons_per_cm2_min=2.0)))
    known = Snapshot(hits=0, expected_hits=12.0, area_cm2=0.1, live_time_s=600)
    assert "12.0 expected" in flat_of(render(known))
    assert "per cm²" not in flat_of(render(known))


def test_expected_muons_are_area_times_live_time() -> None:
    assert expected_muons(0.1, 3600) == pytest.approx(6.0)
    assert expected_muons(0.1, 3600, 1.5) == pytest.approx(9.0)
    assert expected_muons(None, 3600) is None
    assert expected_muons(0.1, None) is None
    assert chance_of_none(0.0) == 1.0
    assert chance_of_none(2.0) == pytest.approx(0.1353, abs=1e-4)


def test_hits_that_are_not_real_are_marked() -> None:
    assert "origin" not in text_of(render(FULL))
    assert "4 found (origin: simulation)" in text_of(render(replace(FULL, origin="simulation")))


def test_calibration_and_replay_show_how_far_they_are() -> None:
    text = text_of(
        render(Snapshot(state="calibrating", calibration_done=125, calibration_wanted=500))
    )
    assert "━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 125 of 500 frames" in text
    replayed = Snapshot(frames={"processed": 70, "uncovered": 5}, frames_total=100)
    assert "75 of 100 frames" in text_of(render(replayed))


def test_a_terminal_without_utf_8_gets_ascii() -> None:
    text = text_of(render(FULL), encoding="ascii")
    assert "synced ~2.1 ms" in text
    assert "?" not in text


def test_crops_are_left_out_where_the_terminal_is_too_low() -> None:
    whole = text_of(render(FULL, max_rows=None)).count("\n")
    assert text_of(render(FULL, max_rows=whole + 1)).count("\n") == whole
    assert text_of(render(FULL, max_rows=whole)).count("\n") == whole - 10


class Screen(io.StringIO):
    """A file that is a terminal, until it goes away."""

    gone = False

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.gone:
            raise OSError(5, "Input/output error")
        return super().write(text)


def screen() -> tuple[Screen, Console]:
    file = Screen()
    return file, Console(file=file, width=80, height=40, force_terminal=True, _environ={})


def test_updates_come_a_few_times_a_second_at_most() -> None:
    now = [0.0]
    file, console = screen()
    with LiveDisplay(console, interval_s=0.25, monotonic=lambda: now[0]) as display:
        for frame in range(100):
            now[0] = frame * 0.01
            display.update(replace(FULL, hits=frame))
        assert not display.due()
        now[0] = 1.0
        assert display.due()
    shown = {int(number) for number in re.findall(r"(\d+) found", file.getvalue())}
    assert shown == {0, 25, 50, 75}


def test_nothing_is_drawn_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    with LiveDisplay(Console(file=file, width=80)) as display:
        assert not display.active
        assert not display.due()
        display.update(FULL)
    assert file.getvalue() == ""


def test_a_terminal_that_goes_away_does_not_stop_the_rig() -> None:
    now = [0.0]
    file, console = screen()
    with LiveDisplay(console, monotonic=lambda: now[0]) as display:
        display.update(FULL)
        file.gone = True
        for _ in range(3):
            now[0] += 1
            display.update(FULL)
        assert not display.active
        file.gone = False


def test_a_fault_inside_still_gives_the_terminal_back() -> None:
    file, console = screen()
    display = LiveDisplay(console)

    def fail() -> None:
        with display:
            display.update(FULL)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert file.getvalue().rfind("\x1b[?25h") > file.getvalue().rfind("\x1b[?25l")


def test_standard_output_stays_clean_on_a_real_terminal() -> None:
    script = (
        "from rich.console import Console; from edge.display import LiveDisplay, Snapshot\n"
        "with LiveDisplay(Console(stderr=True)) as display:\n"
        "    assert display.active\n"
        "    display.update(Snapshot(command='run', hits=3))\n"
        "    print('{}')\n"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment,
        check=False,
        timeout=60,
    )
    os.close(theirs)
    time.sleep(0.05)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0, shown
    assert done.stdout == b"{}\n"
    assert "3 found" in shown


def test_the_summary_says_in_words_what_json_says() -> None:
    text = text_of(
        summary_table(
            {
                "expected": 3010,
                "received": 3000,
                "missing": 10,
                "processed": 2500,
                "calibrating": 500,
                "uncovered": 0,
                "frames_per_s": 1512.34,
                "candidates": 35,
                "hits": 12,
                "rejected": {"edge": 3, "hot_pixel": 20, "row": 0},
                "live_time_s": 83.33,
                "dead_time_s": 16.7,
                "dead_time_by_cause_s": {"calibrating": 16.7},
                "calibration_id": "c0ffee",
                "calibration_ids": ["c0ffee"],
                "epoch": None,
                "notes": [],
                "series": [""],
                "interrupted": False,
                "acknowledged": 0,
            }
        )
    )
    flat = " ".join(text.split())
    assert "3,010 expected · 3,000 received · 10 missing · 2,500 processed" in flat
    assert "uncovered" not in flat
    assert "frames per s 1,512.3" in flat
    assert "rejected hot_pixel 20 · edge 3" in flat
    assert "live time 1 min 23 s" in flat
    assert "dead time 16.7 s (calibrating 16.7 s)" in flat
    assert flat.count("c0ffee") == 1
    assert "interrupted" not in flat
    assert "interrupted yes" in flat_of(summary_table({"interrupted": True}))
    assert "acknowledged 0" in flat
    assert "epoch" not in flat
    assert "notes" not in flat
    assert "series" not in flat
    assert all(len(line) <= 80 for line in text.splitlines())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 s"),
        (9.994, "9.99 s"),
        (9.996, "10.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (90_000, "1 d 1 h"),
        (-5.0, "-5.00 s"),
        (float("inf"), "unknown"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (16.0, "±16 s"),
        (1.0, "±1.0 s"),
        (0.0021, "±2.1 ms"),
        (0.0004, "±400 µs"),
        (0.0, "±0.0 µs"),
    ],
)
def test_bounds_have_a_unit_that_fits(seconds: float | None, text: str) -> None:
    assert units.uncertainty(seconds) == text


def test_sizes_are_powers_of_ten() -> None:
    assert [units.size(n) for n in (999, 1500, 2e9, 5e12)] == [
        "999 B",
        "1.5 kB",
        "2.0 GB",
        "5.0 TB",
    ]
