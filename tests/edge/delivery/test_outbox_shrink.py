"""A cap that was made smaller between two runs."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from edge.delivery.outbox import Outbox
from edge.delivery.room import used_bytes
from edge.detection import Draft
from edge.fleet.made import MadeHits
from tests.edge.delivery.test_outbox import balance, owed

MADE = 4000
CAP_BYTES = 3_000_000


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """State folder with an outbox of some 20 MB, owed as a whole."""
    outbox = Outbox.open(tmp_path, "cellar-1")
    for _ in range(MADE // 500):
        outbox.commit([hit() for _ in range(500)])
    outbox.close()
    return tmp_path


MADE_HITS = MadeHits(crop_px=60)


def hit() -> Draft:
    return MADE_HITS.draft(0)


def held_bytes(outbox: Outbox) -> int:
    return outbox._store.read(used_bytes)


def test_it_shrinks_over_some_commits_and_the_disk_need_not_hold_it_twice(large: Path) -> None:
    outbox = Outbox.open(large, "cellar-1", max_bytes=CAP_BYTES)
    before = held_bytes(outbox)
    log = large / "rig.sqlite-wal"
    commits = 0
    while (now := held_bytes(outbox)) > CAP_BYTES:
        outbox.commit([hit()])
        assert held_bytes(outbox) < now
        assert now - held_bytes(outbox) < 6 << 20
        commits += 1
    assert 3 < commits < 20
    assert log.stat().st_size < before * 0.9
    counts = outbox.counts()
    assert counts.totals["hits_made"] == MADE + commits
    assert counts.owed["hit"] + counts.hits_lost == MADE + commits
    balance(outbox)
    outbox.close()


def test_the_disk_has_it_back_at_the_next_start_and_what_is_owed_is_there(large: Path) -> None:
    path = large / "rig.sqlite"
    outbox = Outbox.open(large, "cellar-1", max_bytes=CAP_BYTES)
    while held_bytes(outbox) > CAP_BYTES:
        outbox.commit([hit()])
    still = owed(outbox)
    outbox.close()
    assert path.stat().st_size > 4 * CAP_BYTES
    outbox = Outbox.open(large, "cellar-1", max_bytes=CAP_BYTES)
    assert path.stat().st_size <= CAP_BYTES
    assert owed(outbox) == still
    assert len(outbox.freeze(outbox.epoch, still)) == len(still)
    outbox.close()


def test_in_a_file_written_anew_no_mark_knows_the_age_of_what_is_only_kept(large: Path) -> None:
    """Rows may have other numbers then: what is young must not go as old."""
    outbox = Outbox.open(large, "cellar-1", max_bytes=CAP_BYTES)
    outbox._store.write(lambda db, _: db.execute("INSERT INTO day_mark VALUES (1, 7, 7, 7)"))
    while held_bytes(outbox) > CAP_BYTES:
        outbox.commit([hit()])
    outbox.close()
    outbox = Outbox.open(large, "cellar-1", max_bytes=CAP_BYTES)
    marks = outbox._store.read(lambda db: db.execute("SELECT * FROM day_mark").fetchall())
    assert marks == [(1, 7, 0, 0)]
    outbox.close()


def test_whoever_reads_it_meanwhile_is_not_disturbed_and_not_waited_for(large: Path) -> None:
    path = large / "rig.sqlite"
    outbox = Outbox.open(large, "cellar-1", max_bytes=CAP_BYTES)
    while held_bytes(outbox) > CAP_BYTES:
        outbox.commit([hit()])
    outbox.close()
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        count = reader.execute("SELECT count(*) FROM outbox").fetchone()
        began_s = time.monotonic()
        outbox = Outbox.open(large, "cellar-1", max_bytes=CAP_BYTES)
        assert time.monotonic() - began_s < 5
        outbox.commit([hit()])
        assert reader.execute("SELECT count(*) FROM outbox").fetchone() == count
    balance(outbox)
    outbox.close()
    assert path.stat().st_size <= CAP_BYTES


def test_a_file_within_its_cap_is_not_written_anew(large: Path) -> None:
    path = large / "rig.sqlite"
    before = path.stat().st_ino, path.stat().st_size
    outbox = Outbox.open(large, "cellar-1")
    outbox.close()
    assert (path.stat().st_ino, path.stat().st_size) == before
