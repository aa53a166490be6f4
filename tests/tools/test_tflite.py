"""`tools/test-tflite` says why it can't run, and that is no failure."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NEEDED = ("sh", "dirname", "cat", "cksum", "rm", "grep", "head")


def run(tmp_path: Path, python: str) -> subprocess.CompletedProcess[str]:
    """Run a copy of it, in a tree of its own, with a script for the Python that is found."""
    tree, commands = tmp_path / "tree", tmp_path / "commands"
    for folder in (tree / "tools", tree / "constraints", commands):
        folder.mkdir(parents=True)
    shutil.copy(REPOSITORY / "tools/test-tflite", tree / "tools")
    shutil.copy(REPOSITORY / "constraints/tflite.txt", tree / "constraints")
    for name in NEEDED:
        (commands / name).symlink_to(shutil.which(name))
    found = "exit 1"
    if python:
        fake = commands / "python3.11"
        fake.write_text(f"#!/bin/sh\n{python}\n")
        fake.chmod(0o755)
        found = f"echo {fake}"
    (tree / "tools/find-python").write_text(f"#!/bin/sh\n{found}\n")
    (tree / "tools/find-python").chmod(0o755)
    return subprocess.run(
        ["sh", tree / "tools/test-tflite"],
        env={**os.environ, "PATH": str(commands)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


NO_WHEEL = (
    'case "$*" in\n'
    '*venv*) /bin/mkdir -p .venv-tflite/bin && /bin/cp "$0" .venv-tflite/bin/python ;;\n'
    "*) echo 'ERROR: No matching distribution found for tflite-runtime'; exit 1 ;;\n"
    "esac"
)


@pytest.mark.parametrize(
    ("python", "why"),
    [("", "no Python 3.11 here"), (NO_WHEEL, "No matching distribution found for tflite-runtime")],
    ids=["no python", "no wheel"],
)
def test_what_is_missing_is_said_and_is_no_failure(tmp_path, python, why):
    ended = run(tmp_path, python)
    assert (ended.returncode, ended.stdout) == (0, "")
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("test-tflite: skipped: ")
    assert why in last
