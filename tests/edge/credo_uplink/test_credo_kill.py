"""A sender that is killed or stopped in the middle, and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.edge.credo_uplink.conftest import arguments, changed, exposure, hit
from tests.edge.credo_uplink.credo_server import CredoServer, Handler, ordinary

Rig = Callable[..., Path]
HITS = 80
LIMIT_S = 60


def start(credo: CredoServer, token_file: Path, folder: Path) -> subprocess.Popen[str]:
    more = arguments(credo, token_file, "--state-dir", str(folder))
    return subprocess.Popen(
        [sys.executable, "-m", "edge.cli.main", *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(sender: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    out, said = sender.communicate(timeout=LIMIT_S)
    return sender.returncode, json.loads(out) if out else {}, said


def sends_of(folder: Path) -> dict[str, int]:
    with changed(folder / "credo.sqlite") as db:
        return dict(db.execute("SELECT id, sends FROM ledger WHERE state = 'sent'").fetchall())


def test_killed_again_and_again_every_hit_is_there_once_or_counted(
    credo: CredoServer, token_file: Path, rig: Rig
) -> None:
    hits = [hit(seq) for seq in range(1, HITS + 1)]
    folder = rig(hits, [exposure(200)])
    senders: list[subprocess.Popen[str]] = []

    def killed(*, stored: bool) -> Callable[[Handler], bool]:
        def script(handler: Handler) -> bool:
            if stored:
                handler.outcome()
            senders[-1].kill()
            handler.cut()
            return True

        return script

    for before, stored in ((0, True), (1, True), (0, False), (1, False), (0, True)):
        credo.script.extend([*[ordinary] * before, killed(stored=stored)])
        senders.append(start(credo, token_file, folder))
        assert finish(senders[-1])[0] == -signal.SIGKILL
    senders.append(start(credo, token_file, folder))
    code, summary, _ = finish(senders[-1])
    assert (code, summary["left"]) == (0, 0)

    rows, sends = Counter(credo.rows.ids), sends_of(folder)
    assert set(rows) == {one["id"] for one in hits}
    assert credo.rows.visible_ids == [one["id"] for one in hits]
    assert all(count <= sends[name] for name, count in rows.items())
    twice = sum(count - 1 for count in rows.values())
    assert 0 < twice <= 16 * len(senders)
    pings = [json.loads(one["metadata"])["id"] for one in credo.rows.pings]
    assert len(pings) <= sends[pings[0]]


def test_killed_at_any_moment_no_hit_is_lost(
    credo: CredoServer, token_file: Path, rig: Rig
) -> None:
    hits = [hit(seq) for seq in range(1, HITS + 1)]
    folder = rig(hits, [exposure(200)])

    def late(handler: Handler) -> bool:
        time.sleep(0.03)
        return False

    credo.script.extend([late] * 1000)
    for wait_s in (0.0, 0.011, 0.023, 0.047, 0.07):
        asked = len(credo.rows.requests)
        sender = start(credo, token_file, folder)
        until = time.monotonic() + LIMIT_S
        while len(credo.rows.requests) == asked and sender.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.002)
        time.sleep(wait_s)
        sender.kill()
        finish(sender)
    assert finish(start(credo, token_file, folder))[0] == 0
    rows, sends = Counter(credo.rows.ids), sends_of(folder)
    assert set(rows) == {one["id"] for one in hits}
    assert all(count <= sends[name] for name, count in rows.items())
    assert len(credo.rows.visible_ids) == HITS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_brings_the_exchange_to_its_end(
    credo: CredoServer, token_file: Path, rig: Rig, number: int
) -> None:
    folder = rig([hit(seq) for seq in range(1, HITS + 1)])
    arrived, go = threading.Event(), threading.Event()

    def held(handler: Handler) -> bool:
        arrived.set()
        go.wait(10)
        return False

    credo.script.extend([ordinary, held])
    sender = start(credo, token_file, folder)
    assert arrived.wait(LIMIT_S)
    os.kill(sender.pid, number)
    time.sleep(0.2)
    go.set()
    code, summary, said = finish(sender)
    assert code == 1
    assert (summary["sent"], summary["left"], summary["repeated"]) == (32, HITS - 32, 0)
    assert f"interrupted; {HITS - 32} left" in said
    assert len(credo.rows.ids) == 32
    assert finish(start(credo, token_file, folder))[1]["sent"] == HITS - 32
    assert len(set(credo.rows.ids)) == len(credo.rows.ids) == HITS
