"""Pings of a rig's own state folder: of what is owed and of what its server has."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.clock import read_boot_id
from edge.delivery import archive
from edge.delivery.dating import Dating
from edge.delivery.outbox import Outbox
from edge.detection import Draft
from tests.edge.credo_uplink.conftest import MINUTE_NS, exposure, hit
from tests.edge.credo_uplink.credo_server import CredoServer
from tests.edge.hand_clock import RIGHT_NS, HandClock
from tests.edge.live.rig import Rig, frame

Send = Callable[..., tuple[int, dict[str, Any], str]]
ENVELOPE = ("schema", "rig", "epoch", "seq", "id", "floor", "origin")


def draft(message: dict[str, Any]) -> Draft:
    body = {key: value for key, value in message.items() if key not in ENVELOPE}
    return Draft(str(message["schema"]).split("/")[1], body, message["origin"])


def record(minute: int, **changes: Any) -> Draft:
    return draft(exposure(1, minute=minute, **changes))


def deliver(outbox: Outbox) -> None:
    """The rig's own server takes all there is."""
    outbox.freeze(outbox.epoch, [seq for seq, _ in outbox.pending(0, 10_000)])
    outbox.acknowledge(outbox.epoch, outbox._store.state.next_seq - 1)


def pings(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out = tmp_path / "credo.jsonl"
    assert main(["credo", "export", "--state-dir", str(folder), "--out", str(out)]) == 0
    capsys.readouterr()
    lines = (tmp_path / "credo.jsonl.ping.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_records_are_pings_before_and_after_the_rigs_own_server_took_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "state"
    outbox = Outbox.open(folder, "roof-1")
    outbox.commit([record(n, live_time_ns=50_000_000_000 + n * 1_000_000) for n in range(3)])
    owed = pings(folder, tmp_path, capsys)
    deliver(outbox)
    assert outbox.is_empty
    outbox.commit([record(3), record(4, origin="simulation"), draft(hit(1))])
    outbox.close()
    both = pings(folder, tmp_path, capsys)
    assert [one["on_time"] for one in owed] == [50_000, 50_001, 50_002]
    assert both[:3] == owed
    assert len(both) == 4
    assert {one["delta_time"] for one in both} == {MINUTE_NS // 10**6}


def test_a_ping_is_sent_once_whether_its_record_is_owed_or_delivered(
    credo: CredoServer, send: Send, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    outbox = Outbox.open(folder, "roof-1")
    outbox.commit([record(0), record(1)])
    code, summary, _ = send("--state-dir", folder)
    assert (code, summary["pings"]["sent"]) == (0, 2)
    deliver(outbox)
    outbox.commit([record(2)])
    deliver(outbox)
    code, summary, _ = send("--state-dir", folder)
    assert (summary["pings"]["sent"], summary["pings"]["already_sent"]) == (1, 2)
    assert len(credo.rows.pings) == 3
    outbox.close()


def test_live_frames_become_pings_whose_on_time_is_the_live_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a camera's loop hands over, taken by the rig's own server bit by bit."""
    rig = Rig(exposure__period_s=2.0, clock=HandClock(known=True))
    for sequence in range(600):
        rig.loop.push(frame(sequence, *([(20, 30)] if sequence == 300 else [])))
    rig.loop.finish()
    outbox = Outbox.open(tmp_path / "state", "rig")
    for at, one in enumerate(rig.drafts):
        outbox.commit([one])
        if at % 3 == 0:
            deliver(outbox)
    outbox.close()
    found = pings(tmp_path / "state", tmp_path, capsys)
    records = [one.body for one in rig.drafts if one.kind == "exposure"]
    assert len(found) == len(records) > 3
    assert [one["on_time"] for one in found] == [r["live_time_ns"] // 10**6 for r in records]
    live_ms = rig.reporter.so_far().live_time_ns / 1e6
    assert sum(one["on_time"] for one in found) == pytest.approx(live_ms, abs=len(found))


def test_what_may_still_be_dated_waits_and_is_sent_once(
    credo: CredoServer, send: Send, tmp_path: Path
) -> None:
    """The times of this boot before the clock was known; those of an earlier boot are final."""
    boot_id = read_boot_id()
    assert boot_id is not None
    undated = {"clock": "unsynced", "boot_id": boot_id, "time_boot_ns": 50 * 10**9}
    record_of = {
        "clock": {"state": "unsynced", "uncertainty_s": None},
        "boot_id": boot_id, "from_boot_ns": 40 * 10**9, "to_boot_ns": 100 * 10**9,
    }  # fmt: skip
    folder = tmp_path / "state"
    outbox = Outbox.open(folder, "roof-1")
    outbox.commit([record(0, **record_of), record(1, **{**record_of, "boot_id": "before"})])
    outbox.commit([draft(hit(1, **undated)), draft(hit(2, **{**undated, "boot_id": "before"}))])
    code, summary, _ = send("--state-dir", folder)
    assert (code, summary["pings"]["sent"], summary["hits"]["sent"]) == (0, 1, 1)
    clock = HandClock(now_s=200.0, known=True, boot_id=boot_id)
    outbox.date_by(Dating(clock, wait_s=600.0))
    deliver(outbox)
    outbox.close()
    code, summary, _ = send("--state-dir", folder)
    assert (code, summary["pings"]["sent"], summary["hits"]["sent"]) == (0, 1, 1)
    times = sorted(one["timestamp"] for one in credo.rows.pings)
    assert times[-1] == (RIGHT_NS + 100 * 10**9) // 10**6


def test_delivered_records_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox.open(tmp_path, "roof-1")
    monkeypatch.setattr(archive.trim_delivered, "__defaults__", (10,))
    for n in range(40):
        outbox.commit([record(n)])
        deliver(outbox)
    db = outbox._store._db
    ids = [one for (one,) in db.execute("SELECT seq FROM delivered ORDER BY id")]
    assert ids == list(range(30, 41))
    outbox.close()


def test_delivered_records_go_before_what_is_owed_when_room_is_short(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "roof-1", max_bytes=1_000_000)
    outbox.commit([record(n) for n in range(60)])
    deliver(outbox)
    for n in range(1, 400):
        outbox.commit([draft(hit(n))])
        if outbox.counts().totals.get("pictures_dropped"):
            break
    count = outbox._store._db.execute("SELECT count(*) FROM delivered").fetchone()[0]
    assert count == 0
    outbox.close()


def test_delivered_records_outlive_a_damaged_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "state"
    outbox = Outbox.open(folder, "roof-1")
    outbox.commit([record(n) for n in range(30)])
    deliver(outbox)
    outbox.commit([draft(hit(n)) for n in range(1, 60)])
    outbox.close()
    path = folder / "rig.sqlite"
    data = bytearray(path.read_bytes())
    page = data.rfind(b'"class":"track"') // 4096 * 4096
    data[page : page + 4096] = bytes(4096)
    path.write_bytes(bytes(data))
    again = Outbox.open(folder, "roof-1")
    again.acknowledge(again.epoch, 10**6)
    assert again.counts().totals["damaged_files"] == 1
    again.close()
    assert len(pings(folder, tmp_path, capsys)) == 30
