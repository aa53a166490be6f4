from __future__ import annotations

import logging
import random
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from edge.delivery.inspect import look_at_outbox
from edge.delivery.outbox import Outbox
from edge.errors import Failed
from edge.fleet.made import MadeHits
from edge.messages import HitMessage, LostMessage, parse_message
from tests.edge.delivery.test_outbox import archive, balance, draft, hits, owed, publish

COUNT = 60


def write_and_crash(folder: Path, count: int = COUNT) -> str:
    """Leave an outbox with 10 delivered and the rest owed hits, as a killed process does."""
    outbox = Outbox.open(folder, "cellar-1")
    outbox.commit(hits(count), {"open": "exposure"})
    publish(outbox, list(range(1, 11)))
    outbox.acknowledge(outbox.epoch, 10)
    outbox._store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    outbox._folder_lock.release()
    outbox._store._db.close()
    return outbox.epoch


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def delivered(outbox: Outbox) -> tuple[set[int], list[LostMessage]]:
    """Frames of the hits still owed, and what is declared lost."""
    messages = [parse_message(payload) for payload in publish(outbox, owed(outbox))]
    frames = {message.frame for message in messages if isinstance(message, HitMessage)}
    return frames, [message for message in messages if isinstance(message, LostMessage)]


def test_a_file_that_is_none_is_set_aside_and_said_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = write_and_crash(tmp_path)
    (tmp_path / "rig.sqlite").write_bytes(b"not a database at all, " * 1000)
    with caplog.at_level(logging.ERROR):
        outbox = Outbox.open(tmp_path, "cellar-1")
    assert "set aside as rig.sqlite.damaged-1" in caplog.text
    assert outbox.epoch != old
    frames, lost = delivered(outbox)
    assert frames == set()
    assert [(message.reason, message.ranges) for message in lost] == [("damaged", [])]
    assert outbox.counts().totals["damaged_files"] == 1
    assert (tmp_path / "rig.sqlite.damaged-1").read_bytes().startswith(b"not a database")
    balance(outbox)
    outbox.close()


@pytest.mark.parametrize("seed", range(6))
def test_what_can_be_read_of_a_damaged_file_is_owed_anew_and_the_rest_declared(
    tmp_path: Path, seed: int
) -> None:
    old = write_and_crash(tmp_path)
    path = tmp_path / "rig.sqlite"
    # Holes of a page each, outside the first one: what a worn card does.
    chance = random.Random(seed)
    pages = path.stat().st_size // 4096
    for page in chance.sample(range(1, pages), 3):
        overwrite(path, page * 4096, chance.randbytes(4096))
    outbox = Outbox.open(tmp_path, "cellar-1")
    frames, lost = delivered(outbox)
    declared: set[int] = set()
    for message in lost:
        assert message.reason == "damaged"
        assert message.lost_epoch in (old, None)
        for part in message.ranges:
            declared |= set(range(part.first_seq, part.last_seq + 1))
    if outbox.epoch != old:
        assert all(message.lost_epoch == old for message in lost if message.ranges)
        missing = {seq for seq in range(11, COUNT + 1) if seq - 1 not in frames}
        known = look_at_outbox(tmp_path)
        assert known is not None
        assert missing <= declared or [message.ranges for message in lost] == [[]]
        assert known.totals["damaged_files"] == 1
        assert (tmp_path / "rig.sqlite.damaged-1").exists()
    else:  # only pages of the free list were hit
        assert frames == set(range(10, COUNT))
    assert owed(outbox)[0] == 1 or outbox.epoch == old
    balance(outbox)
    assert outbox.commit(hits(1))
    outbox.close()


def test_the_session_rises_and_the_open_exposure_is_known_after_damage(tmp_path: Path) -> None:
    write_and_crash(tmp_path)
    before = look_at_outbox(tmp_path)
    assert before is not None
    path = tmp_path / "rig.sqlite"
    db = sqlite3.connect(path)
    page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'outbox'").fetchone()[0]
    db.close()
    overwrite(path, (page - 1) * 4096, b"\xff" * 4096)
    outbox = Outbox.open(tmp_path, "cellar-1")
    assert outbox.session > before.session
    assert outbox.interrupted() == {"open": "exposure"}
    _, lost = delivered(outbox)
    assert [(part.first_seq, part.last_seq) for part in lost[0].ranges] == [(11, COUNT)]
    assert [row[1] for row in archive(tmp_path)] == list(range(1, 11)), "delivered hits stay"
    outbox.close()


def test_damage_while_it_runs_loses_no_commit_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox.open(tmp_path, "cellar-1")
    outbox.commit(hits(COUNT))
    old = outbox.epoch
    db = outbox._store._db
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = tmp_path / "rig.sqlite"
    size = path.stat().st_size
    db.execute("PRAGMA cache_size = 1")
    for offset in range(4096, size, 4096):
        overwrite(path, offset, b"\xff" * 4096)
    with caplog.at_level(logging.ERROR):
        seqs = outbox.commit([draft(frame=1000)])
    assert "is damaged" in caplog.text
    assert outbox.epoch != old
    frames, lost = delivered(outbox)
    assert 1000 in frames
    assert seqs[0] in owed(outbox)
    missing = {seq for seq in range(1, COUNT + 1) if seq - 1 not in frames}
    declared = {
        seq
        for message in lost
        for part in message.ranges
        for seq in range(part.first_seq, part.last_seq + 1)
    }
    assert missing == declared
    balance(outbox)
    outbox.close()


def test_a_crash_while_the_new_file_takes_its_place_is_finished_at_the_next_start(
    tmp_path: Path,
) -> None:
    write_and_crash(tmp_path)
    path = tmp_path / "rig.sqlite"
    path.rename(tmp_path / "rig.sqlite.new")
    outbox = Outbox.open(tmp_path, "cellar-1")
    assert delivered(outbox)[0] == set(range(10, COUNT))
    outbox.close()


def test_looking_at_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "rig.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(Failed, match=r"damaged database .* next start saves what can be read"):
        look_at_outbox(tmp_path)


def test_a_message_whose_text_is_spoilt_is_declared_and_the_rest_goes_on(tmp_path: Path) -> None:
    """The table is whole, what lies in one row is not: as a card with a bad cell returns it."""
    outbox = Outbox.open(tmp_path, "cellar-1")
    outbox.commit(hits(5))
    outbox._store._db.execute("UPDATE archive SET body = substr(body, 1, 200) WHERE seq = 3")
    epoch = outbox.epoch
    outbox.freeze(epoch, [1, 2, 3, 4, 5])
    assert outbox.epoch != epoch
    messages = [
        parse_message(out.payload)
        for out in outbox.freeze(outbox.epoch, [seq for seq, _ in outbox.pending(0, 100)])
    ]
    assert [one.frame for one in messages if isinstance(one, HitMessage)] == [0, 1, 3, 4]
    lost = [one for one in messages if isinstance(one, LostMessage)]
    assert [(one.reason, one.lost_epoch) for one in lost] == [("damaged", epoch)]
    assert lost[0].ranges[0].first_seq == lost[0].ranges[-1].last_seq == 3
    counts = outbox.counts()
    assert counts.totals["committed"] == counts.totals["lost"] + counts.owed_total
    outbox.close()


def test_more_than_there_is_memory_for_is_saved(tmp_path: Path) -> None:
    made = MadeHits(crop_px=60)
    outbox = Outbox.open(tmp_path, "cellar-1")
    for _ in range(8):
        outbox.commit([made.draft(0) for _ in range(500)])
    outbox.close()
    path = tmp_path / "rig.sqlite"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE archive SET body = replace(body, 'x_px', 'y_px') WHERE seq = 2000")
    file_bytes = path.stat().st_size
    outbox = Outbox.open(tmp_path, "cellar-1")
    tracemalloc.start()
    try:
        outbox.freeze(outbox.epoch, [2000])  # finds the damage
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    counts = outbox.counts()
    assert (counts.totals["damaged_files"], counts.owed["hit"], counts.hits_lost) == (1, 3999, 1)
    assert peak_bytes < file_bytes / 2
    balance(outbox)
    outbox.close()
