"""A file of the first version of the tables goes on in this one."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from edge.delivery.database import APPLICATION_ID, MIGRATIONS
from edge.delivery.inspect import look_at_outbox
from edge.delivery.outbox import Outbox
from edge.messages import encode, envelope, parse_message
from tests.edge.delivery.full_outbox import declared, hit, look, other, publish

EPOCH = "0123456789abcdef"
KINDS = ("hit", "exposure", "hit", "calibration", "clock", "lost", "hit")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Version 1, with the second hit an artefact and the first message frozen."""
    db = sqlite3.connect(tmp_path / "rig.sqlite", isolation_level=None)
    db.executescript(
        f"PRAGMA journal_mode = WAL; BEGIN;{MIGRATIONS[0]};"
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1; COMMIT;"
    )
    for seq, kind in enumerate(KINDS, start=1):
        draft = hit(seq) if kind == "hit" else other(kind)
        label = {"class": "artefact"} if seq == 3 else {}
        body = {**draft.body, **label}
        if kind == "lost":
            body |= {"ranges": [{"first_seq": 1, "last_seq": 1}], "kinds": {"hit": 1}}
        made = envelope(kind, body, rig="a", epoch=EPOCH, seq=seq, floor=1, origin="camera")
        text = encode(made).decode()
        floor = 1 if seq == 1 else None
        in_outbox = None if kind == "hit" else text
        db.execute(
            "INSERT INTO outbox VALUES (?, ?, ?, ?, ?)", (seq, kind, floor, len(text), in_outbox)
        )
        if kind == "hit":
            label_text = str(body["class"])
            db.execute(
                "INSERT INTO archive (epoch, seq, time_utc, label, peak_adu, body) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (EPOCH, seq, body["time_utc"], label_text, 900, text),
            )
    sums = json.dumps({"committed": len(KINDS), "hits_made": 3})
    db.execute("INSERT INTO state VALUES (1, 'a', ?, 5, 8, 1, 0, 1, ?)", (EPOCH, sums))
    db.close()
    return tmp_path


def test_it_can_be_looked_at_before_it_is_brought_forward(old: Path) -> None:
    before = look_at_outbox(old)
    assert before is not None
    Outbox.open(old, "a").close()
    after = look_at_outbox(old)
    assert after is not None
    assert before.owed == after.owed
    assert before.owed == {"hit": 3, "exposure": 1, "calibration": 1, "clock": 1, "lost": 1}


def test_nothing_is_lost_and_the_order_holds_for_what_was_there(old: Path) -> None:
    outbox = Outbox.open(old, "a", max_bytes=400_000)
    frozen = publish(outbox, [1])
    n = 0
    while not outbox.counts().totals.get("pictures_dropped"):
        outbox.commit([hit(n, 0.0)])
        n += 1
    rows = look(outbox)
    assert not rows[3].has_picture, "the artefact first"
    assert rows[1].has_picture
    assert publish(outbox, [1]) == frozen
    while not outbox.counts().hits_lost:
        outbox.commit([hit(n, 0.0)])
        n += 1
    assert 3 not in look(outbox)
    assert {2, 4, 5, 6} <= look(outbox).keys()
    told = declared(outbox)[EPOCH, "outbox_full"]
    assert 3 in told
    outbox.close()


def test_its_messages_are_published_as_they_were(old: Path) -> None:
    outbox = Outbox.open(old, "a")
    kinds = [parse_message(payload).kind for payload in publish(outbox, list(range(1, 8)))]
    assert tuple(kinds) == KINDS
    outbox.acknowledge(EPOCH, 7)
    assert outbox.is_empty
    outbox.close()
