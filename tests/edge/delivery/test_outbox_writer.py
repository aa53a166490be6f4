from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.delivery.outbox import Outbox, OutboxFull
from edge.delivery.writer import OutboxWriter
from edge.detection import Draft
from tests.edge.delivery.test_outbox import draft, hits, owed


class WatchedOutbox:
    """The real outbox behind a door that can be shut, and a list of what came through."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.commits: list[tuple[int, Any]] = []
        self.full = False
        self.tries = 0

    def commit(self, drafts: list[Draft], checkpoint: Any) -> list[int]:
        self.tries += 1
        if self.full:
            db = self.outbox._store._db
            db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
        else:
            self.outbox._store._db.execute("PRAGMA max_page_count = 1000000")
        seqs = self.outbox.commit(drafts, checkpoint)
        self.commits.append((len(drafts), checkpoint))
        return seqs


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[WatchedOutbox]:
    outbox = Outbox.open(tmp_path, "cellar-1")
    yield WatchedOutbox(outbox)
    outbox.close()


def test_single_messages_wait_for_company_but_no_longer_than_the_delay(
    watched: WatchedOutbox,
) -> None:
    made: list[tuple[int, Draft]] = []
    writer = OutboxWriter(watched, max_delay_s=0.2, on_commit=made.extend)  # type: ignore[arg-type]
    began = time.monotonic()
    for n in range(5):
        assert writer.put([draft(frame=n)])
    assert writer.counts().made == 0, "a hit is made when its commit returns"
    while len(made) < 5:
        assert time.monotonic() - began < 5
        time.sleep(0.01)
    assert time.monotonic() - began >= 0.2
    assert [count for count, _ in watched.commits] == [5]
    assert [(seq, each.body["frame"]) for seq, each in made] == [(n + 1, n) for n in range(5)]
    assert writer.counts().made == 5
    assert writer.close()


def test_enough_messages_are_committed_at_once(watched: WatchedOutbox) -> None:
    done = threading.Event()
    writer = OutboxWriter(
        watched,  # type: ignore[arg-type]
        max_delay_s=60,
        max_rows=8,
        on_commit=lambda _: done.set(),
    )
    writer.put(hits(3))
    writer.put(hits(5))
    assert done.wait(5)
    assert writer.counts().committed == 8
    writer.close()


def test_flush_commits_at_once_and_the_last_checkpoint_of_a_group_wins(
    watched: WatchedOutbox,
) -> None:
    writer = OutboxWriter(watched, max_delay_s=60)  # type: ignore[arg-type]
    writer.put(hits(1), {"hits": 1})
    writer.put(hits(1), {"hits": 2})
    writer.put(hits(1))
    assert writer.flush(5)
    assert watched.commits == [(3, {"hits": 2})]
    writer.put([], None)
    assert writer.close()
    assert watched.commits[-1] == (0, None)
    assert owed(watched.outbox) == [1, 2, 3]


def test_a_full_disk_is_waited_out_in_order_and_said_once(
    watched: WatchedOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    writer = OutboxWriter(watched, max_delay_s=0.01, max_waiting=100)  # type: ignore[arg-type]
    watched.outbox.commit(hits(1))
    watched.full = True
    with caplog.at_level(logging.WARNING):
        began = time.monotonic()
        accepted = [writer.put(hits(10, first=10 * n)) for n in range(12)]
        assert time.monotonic() - began < 0.5, "the loop is not held up"
        assert not writer.flush(1.0)
        assert watched.tries >= 2
        counts = writer.counts()
        assert "full" in counts.last_error
        assert (counts.waiting, counts.unstored, counts.made) == (100, 20, 0)
        assert accepted == [True] * 10 + [False] * 2
        watched.full = False
        assert writer.flush(5.0)
    assert [record.message for record in caplog.records if "trying again" in record.message] == [
        f"outbox {watched.outbox.path} can't be written: database or disk is full; trying again"
    ]
    assert "can be written again" in caplog.text
    counts = writer.counts()
    assert (counts.made, counts.waiting, counts.last_error) == (100, 0, "")
    db = watched.outbox._store._db
    frames = [
        row[0]
        for row in db.execute("SELECT body ->> 'frame' FROM archive WHERE seq > 1 ORDER BY seq")
    ]
    assert frames == list(range(100))
    assert writer.close()


def test_the_end_does_not_wait_for_ever_for_a_full_disk(watched: WatchedOutbox) -> None:
    writer = OutboxWriter(watched, max_delay_s=0.01)  # type: ignore[arg-type]
    watched.full = True
    watched.outbox.commit(hits(1))
    writer.put(hits(40))
    began = time.monotonic()
    assert not writer.close(0.3)
    assert time.monotonic() - began < 3
    assert writer.counts().unstored == 40


def test_a_message_that_cannot_be_written_does_not_take_its_neighbours(
    watched: WatchedOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    writer = OutboxWriter(watched, max_delay_s=60)  # type: ignore[arg-type]
    writer.put([draft(frame=1), draft(sum_adu=float("nan")), draft(frame=2)], {"open": 1})
    writer.put([Draft("hit", {}, "camera"), draft(frame=3)])
    with caplog.at_level(logging.ERROR):
        assert writer.flush(5)
    counts = writer.counts()
    assert (counts.made, counts.broken, counts.waiting) == (3, 2, 0)
    assert caplog.text.count("hit can't be stored") == 2
    assert owed(watched.outbox) == [1, 2, 3]
    assert watched.commits[-1] == (0, {"open": 1})
    writer.close()


def test_a_faulty_listener_does_not_stop_the_writer(watched: WatchedOutbox) -> None:
    def listener(_: object) -> None:
        raise OutboxFull("not the disk's fault")

    writer = OutboxWriter(watched, max_delay_s=0.01, on_commit=listener)  # type: ignore[arg-type]
    for n in range(3):
        writer.put([draft(frame=n)])
        assert writer.flush(5)
    assert writer.counts().made == 3
    assert owed(watched.outbox) == [1, 2, 3]
    writer.close()
