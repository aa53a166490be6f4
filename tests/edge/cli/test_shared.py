"""What commands share: JSON alone on standard output, progress on terminals, signals."""

from __future__ import annotations

import dataclasses
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge.cli.shared import print_json, progress
from edge.config import Config

STOPPING = """
import sys, time
from edge.cli.shared import stop_on_signals
stop = stop_on_signals()
print("ready", flush=True)
try:
    stop.wait(30)
    print("stopping", flush=True)
    if len(sys.argv) > 1:
        time.sleep(30)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    if len(sys.argv) > 2:
        time.sleep(30)
print("end", flush=True)
"""

PROGRESS = """
import sys, time
from edge.cli.shared import progress
with progress(10, "Counting") as advance:
    for _ in range(10):
        advance(1)
        time.sleep(float(sys.argv[1]) / 10)
"""


@dataclasses.dataclass
class Part:
    path: Path
    rate: float


def test_json_holds_what_json_has_no_word_for(capsys):
    print_json(
        {
            "scalar": np.int64(3),
            "array": np.array([1.5, np.nan]),
            "part": Part(Path("a"), float("inf")),
            "model": Config().hold,
            4: ("x", None, True),
            "text": "µ",
        }
    )
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert json.loads(printed) == {
        "scalar": 3,
        "array": [1.5, None],
        "part": {"path": "a", "rate": None},
        "model": {"frames": 3},
        "4": ["x", None, True],
        "text": "µ",
    }


def test_progress_is_silent_where_there_is_no_terminal(capsys):
    with progress(3, "Counting") as advance:
        advance(3)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


@pytest.mark.parametrize(("duration_s", "shown"), [(0.1, False), (1.4, True)])
def test_progress_is_shown_on_a_terminal_once_it_lasts(duration_s, shown):
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRESS, str(duration_s)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        drawn = b""
        while chunk := read(ours):
            drawn += chunk
        assert process.stdout.read() == b""
    os.close(ours)
    assert (b"Counting" in drawn) == shown


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other side has closed
        return b""


class Stopping:
    """A process that waits for the signal; `arguments` make it hang after the first, second."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", STOPPING, *arguments], stdout=subprocess.PIPE, text=True
        )
        self.expect("ready")

    def expect(self, line: str) -> None:
        assert self.process.stdout.readline() == f"{line}\n"

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_event_and_the_command_ends_in_its_own_time(number):
    with Stopping() as command:
        command.process.send_signal(number)
        command.expect("stopping")
        command.expect("end")
        assert command.process.wait(10) == 0


def test_a_second_ctrl_c_interrupts_and_a_third_ends_it_at_once():
    with Stopping("hang", "hang") as command:
        command.process.send_signal(signal.SIGINT)
        command.expect("stopping")
        command.process.send_signal(signal.SIGINT)
        command.expect("interrupted")
        begin = time.monotonic()
        command.process.send_signal(signal.SIGINT)
        assert command.process.wait(10) == 130
        assert time.monotonic() - begin < 5
