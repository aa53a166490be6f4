"""`.ci/run` ends with the count of tests and with make's exit code, whatever pytest says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parent.parent / ".ci" / "run"


@pytest.mark.parametrize(
    ("printed", "made", "line", "code"),
    [
        ("== 12 passed in 3.10s ==", 0, "12 passed, 0 failed, 0 skipped", 0),
        (
            "SKIPPED [1] tests/a.py:3: no mosquitto\n"
            "==== 310 passed, 3 skipped, 2 deselected, 1 xfailed in 98.70s (0:01:38) ====",
            0,
            "310 passed, 0 failed, 3 skipped",
            0,
        ),
        (
            "= 2 failed, 10 passed, 1 skipped, 3 errors in 9.8s =",
            2,
            "10 passed, 5 failed, 1 skipped",
            2,
        ),
        ("== 1 error in 0.10s ==", 2, "0 passed, 1 failed, 0 skipped", 2),
        ("E501 Line too long\nFound 1 error.", 2, "0 passed, 1 failed, 0 skipped", 2),
        ("== 5 passed in 1.00s ==\nmake: *** killed", 2, "5 passed, 1 failed, 0 skipped", 2),
        ("== no tests ran in 0.01s ==", 0, "0 passed, 1 failed, 0 skipped", 1),
        ("== 4 deselected in 0.01s ==", 0, "0 passed, 1 failed, 0 skipped", 1),
        ("", 0, "0 passed, 1 failed, 0 skipped", 1),
    ],
)
def test_the_last_line_counts_the_tests(tmp_path, printed, made, line, code):
    make = tmp_path / "make"
    make.write_text(
        f"#!/bin/sh\n[ \"$*\" = test ] || exit 9\ncat <<'END'\n{printed}\nEND\nexit {made}\n"
    )
    make.chmod(0o755)
    result = subprocess.run(
        ["bash", RUN],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "CI": "true"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    lines = result.stdout.splitlines()
    assert lines[-1] == line
    assert result.returncode == code
    assert (
        sum("passed, " in text and " failed, " in text and " in " not in text for text in lines)
        == 1
    )
