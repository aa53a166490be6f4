"""What a process of ours costs, read from ``/proc``; and a process that ends with its measurer."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Processor time of all threads of a process, in s; NaN once it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return float("nan")
    # The name before may hold spaces and brackets.
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int | str, key: str) -> float:
    """A line of ``/proc/PID/status`` such as RssAnon or VmHWM, in MB; NaN where there is none."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return float("nan")
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0]) * 1024 / 1e6
    return float("nan")


@contextlib.contextmanager
def python(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module of ours; it is killed at the end of the block, should it still run."""
    process = subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C is for us alone
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
