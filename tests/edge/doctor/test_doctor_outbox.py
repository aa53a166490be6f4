"""What doctor says of the messages that a rig still owes."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from edge.delivery.outbox import Outbox
from edge.detection import Draft
from edge.doctor import Look, examine
from edge.doctor.outbox import outbox
from edge.errors import Failed
from edge.messages import parse_utc_ns
from tests.edge.hits.made import message

ENVELOPE = ("schema", "rig", "epoch", "seq", "id", "floor", "origin")


def draft(seq: int) -> Draft:
    whole = message(seq)
    return Draft("hit", {k: v for k, v in whole.items() if k not in ENVELOPE}, "camera")


def test_a_fresh_folder_owes_nothing(tmp_path: Path) -> None:
    found = outbox(tmp_path, "roof-1")
    assert found.verdict == "ok"
    assert found.data["owed"] == 0


def test_what_is_owed_is_counted_by_kind_with_its_age_while_the_rig_runs(tmp_path: Path) -> None:
    box = Outbox.open(tmp_path, "roof-1")
    try:
        box.commit([draft(1), draft(2)])
        now_ns = parse_utc_ns(message(1)["time_utc"]) + 90 * 10**9
        found = outbox(tmp_path, "roof-1", lambda: now_ns)
        late = outbox(tmp_path, "roof-1", lambda: now_ns + 7200 * 10**9)
    finally:
        box.close()
    assert found.verdict == "ok"
    assert found.data["owed"] == 2
    assert found.data["owed_by_kind"] == {"hit": 2}
    assert found.data["oldest_age_s"] == pytest.approx(90)
    assert "2 messages owed (2 hit), the oldest of 1 min 30 s ago" in found.detail
    assert late.verdict == "warn"
    assert "nobody confirms" in late.advice


def test_messages_that_were_set_aside_are_said_with_the_reason(tmp_path: Path) -> None:
    box = Outbox.open(tmp_path, "roof-1")
    try:
        box.commit([draft(1)])
        box.freeze(box.epoch, [1])
        box.refuse(box.epoch, 1, "payload format invalid")
    finally:
        box.close()
    found = outbox(tmp_path, "roof-1", lambda: parse_utc_ns(message(1)["time_utc"]))
    assert found.verdict == "warn"
    assert found.data["set_aside"] == 1
    assert "payload format invalid" in found.detail


def test_another_rigs_folder_is_a_failure(tmp_path: Path) -> None:
    Outbox.open(tmp_path, "roof-1").close()
    found = outbox(tmp_path, "attic")
    assert found.verdict == "fail"
    assert "belongs to rig 'roof-1'" in found.detail


def test_damage_is_one_line_and_files_set_aside_are_counted(tmp_path: Path) -> None:
    box = Outbox.open(tmp_path, "roof-1")
    box.commit([draft(n) for n in range(1, 40)])
    box.close()
    path = tmp_path / "rig.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + bytes(len(whole) - 8192))
    (check,) = examine([Look("outbox", lambda: outbox(tmp_path, "roof-1"), advice="the disk")])
    assert check.finding.verdict == "fail"
    assert "\n" not in check.finding.detail
    assert str(path) in check.finding.detail
    path.unlink()
    (tmp_path / "rig.sqlite.damaged-1").touch()
    (tmp_path / "rig.sqlite.damaged-1-wal").touch()
    found = outbox(tmp_path, "roof-1")
    assert found.verdict == "warn"
    assert found.data["damaged_files"] == 1


def test_an_outbox_of_a_newer_version_is_one_line(tmp_path: Path) -> None:
    Outbox.open(tmp_path, "roof-1").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "rig.sqlite")) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(Failed, match="newer"):
        outbox(tmp_path, "roof-1")


def test_what_was_given_up_is_said_and_nothing_is_lost_is_not(tmp_path: Path) -> None:
    box = Outbox.open(tmp_path, "roof-1", max_bytes=400_000)
    while box.counts().hits_lost < 5:
        box.commit([draft(1)])
    lost, pictures = box.given_up["lost"], box.given_up["pictures_dropped"]
    box.close()
    found = outbox(tmp_path, "roof-1", lambda: 2 * 10**18)
    assert found.verdict == "warn"
    assert f"{lost} messages were given up, {pictures} hits gave up their pictures" in found.detail
    assert "nothing is lost" not in found.advice
    assert "max_bytes" in found.advice
