"""What a commit costs, in steps of SQLite's machine: the same for few rows and for many."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.delivery.outbox import Outbox
from tests.edge.delivery.full_outbox import hit, other, owed_seqs, publish

STEPS = 20
ROW_BYTES = 1_700
MOST_STEPS = 20_000
FEW, MANY = 1_000, 10_000


def steps_of(outbox: Outbox, work: Callable[[], object]) -> int:
    count = 0

    def more() -> int:
        nonlocal count
        count += 1
        return 0

    db = outbox._store._db
    db.set_progress_handler(more, STEPS)
    try:
        work()
    finally:
        db.set_progress_handler(None, 0)
    return count * STEPS


def commits(outbox: Outbox, count: int) -> int:
    chance = random.Random(2)
    drafts = [hit(n, chance.random()) for n in range(count)]
    return steps_of(outbox, lambda: [outbox.commit([one]) for one in drafts])


def filled(folder: Path, rows: int) -> Outbox:
    """An outbox at its cap, all its hits owed, their pictures gone."""
    outbox = Outbox.open(folder, "cellar-1", max_bytes=rows * ROW_BYTES, archive_rows=100)
    chance = random.Random(1)
    while outbox.counts().hits_lost < 100:
        outbox.commit([*(hit(n, chance.random()) for n in range(50)), other("exposure")])
    commits(outbox, 800)  # smaller ones leave less free than those before
    assert outbox.counts().owed["hit"] > 0.5 * rows
    return outbox


def test_a_commit_into_a_full_outbox_costs_the_same_with_ten_times_the_rows(tmp_path: Path) -> None:
    costs = []
    for rows in (FEW, MANY):
        outbox = filled(tmp_path / str(rows), rows)
        lost = outbox.counts().hits_lost
        each = [commits(outbox, 1) for _ in range(400)]
        assert outbox.counts().hits_lost > lost + 200
        assert max(each) < MOST_STEPS
        costs.append(sum(each))
        outbox.close()
    assert costs[1] < 1.5 * costs[0]


@pytest.mark.parametrize("archive_rows", [10, 10**6])
def test_a_commit_into_an_outbox_with_room_does_not_grow_with_what_is_owed(
    tmp_path: Path, archive_rows: int
) -> None:
    """More hits are owed than the archive should hold, and some are let go all the time."""
    outbox = Outbox.open(tmp_path, "cellar-1", archive_rows=archive_rows)
    costs = []
    made = 0
    for rows in (FEW, MANY):
        while made < rows:
            outbox.commit([hit(n, 0.5) for n in range(100)])
            made += 100
        publish(outbox, owed_seqs(outbox)[:20])
        outbox.acknowledge(outbox.epoch, outbox.floor + 19)
        costs.append(commits(outbox, 50))
    assert costs[1] < 1.5 * costs[0]
    outbox.close()


def test_a_commit_does_not_grow_with_what_was_delivered(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "cellar-1")
    costs = []
    made = 0
    for rows in (FEW, MANY):
        while made < rows:
            outbox.commit([other("exposure"), hit(made)] * 50)
            publish(outbox, owed_seqs(outbox))
            outbox.acknowledge(outbox.epoch, outbox._store.state.next_seq - 1)
            made += 100
        costs.append(commits(outbox, 50))
    assert costs[1] < 1.5 * costs[0]
    outbox.close()


def test_counting_what_is_owed_reads_no_message(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "cellar-1")
    outbox.commit([other("exposure"), hit(1), other("lost"), other("clock"), other("calibration")])
    plan = outbox._store._db.execute(
        "EXPLAIN QUERY PLAN SELECT rank, count(*) FROM outbox GROUP BY rank"
    ).fetchall()
    assert "COVERING INDEX outbox_rank" in plan[0][3]
    assert outbox.counts().owed == {
        "exposure": 1, "hit": 1, "lost": 1, "clock": 1, "calibration": 1,
    }  # fmt: skip
    outbox.close()
