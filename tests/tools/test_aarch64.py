"""`tools/test-aarch64` says why it can't run, and that is no failure."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NEEDED = ("sh", "dirname", "uname", "id", "env", "tail", "head", "sed", "cat", "mkdir", "rm")
FOUND = "exit 0"


def run(tmp_path: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run a copy of it, in a tree of its own, where just these programs are found."""
    tools, commands = tmp_path / "tree/tools", tmp_path / "commands"
    tools.mkdir(parents=True)
    commands.mkdir()
    script = (REPOSITORY / "tools/test-aarch64").read_text()
    # The system's own places are left out of the search.
    (tools / "test-aarch64").write_text(
        script.replace("PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n", "")
    )
    for name in NEEDED:
        (commands / name).symlink_to(shutil.which(name))
    fakes = {"../tree/tools/packages": FOUND, "../tree/tools/find-python": "echo python"}
    for name, does in {**fakes, **programs}.items():
        path = commands / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)
    return subprocess.run(
        ["sh", tools / "test-aarch64"],
        env={**os.environ, "PATH": str(commands)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("programs", "why"),
    [
        ({"uname": "echo aarch64"}, "this computer is one"),
        ({}, "no qemu-aarch64"),
        ({"qemu-aarch64-static": FOUND}, "no debootstrap"),
        ({"qemu-aarch64-static": FOUND, "debootstrap": FOUND, "id": "echo 1000"}, "needs root"),
        (
            {"qemu-aarch64-static": FOUND, "debootstrap": FOUND, "id": "echo 0",
             "apt-get": "exit 1"},
            "names no mirror",
        ),
        (
            {"qemu-aarch64-static": FOUND, "id": "echo 0",
             "apt-get": "echo mirror: main bookworm",
             "debootstrap": "echo E: no route; exit 1"},
            "E: no route",
        ),
    ],
    ids=["native", "no emulator", "no debootstrap", "no root", "no mirror", "no network"],
)  # fmt: skip
def test_what_is_missing_is_said_and_is_no_failure(tmp_path, programs, why):
    ended = run(tmp_path, **{"uname": "echo x86_64", **programs})
    assert (ended.returncode, ended.stdout) == (0, "")
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("test-aarch64: skipped: ")
    assert why in last


def test_a_failed_test_fails_it(tmp_path):
    tree = tmp_path / "tree"
    made = tree / "build/aarch64"
    (made / "root").mkdir(parents=True)
    (made / "root/.made").touch()
    (made / "site-packages").mkdir()
    (tree / "constraints").mkdir()
    for name in ("pyproject.toml", "constraints/py313.txt"):
        (tree / name).touch()
    shutil.rmtree(tree / "tools", ignore_errors=True)
    (made / "site-packages/.made").write_text("7 0\n")
    emulator = 'case "$*" in *pytest*) exit 1 ;; esac'
    ended = run(
        tmp_path, uname="echo x86_64", cksum="echo 7 0", **{"qemu-aarch64-static": emulator}
    )
    assert ended.returncode == 1
    assert "skipped" not in ended.stderr
