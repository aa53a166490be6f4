from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.clock import Stamp
from edge.delivery.dating import Dating
from edge.delivery.outbox import Outbox
from tests.edge.delivery.full_outbox import declared, hit, idle_hits, other, owed_seqs, publish
from tests.edge.hand_clock import HandClock

DAY_S = 86_400.0
MAX_DAYS = 5


class DayClock(HandClock):
    """Tells the day it is set to."""

    day = 20_000

    def stamp(self, time_ns: int) -> Stamp:
        state = "synced" if self.known else "unsynced"
        return Stamp(round(self.day * DAY_S * 1e9), 0.01, state)


@pytest.fixture
def clock() -> DayClock:
    return DayClock(known=True)


@pytest.fixture
def outbox(tmp_path: Path, clock: DayClock) -> Iterator[Outbox]:
    opened = opened_by(tmp_path, clock)
    yield opened
    opened.close()


def opened_by(folder: Path, clock: DayClock) -> Outbox:
    outbox = Outbox.open(folder, "cellar-1", max_days=MAX_DAYS)
    outbox.date_by(Dating(clock, wait_s=0.0))
    return outbox


def live(outbox: Outbox, clock: DayClock, days: int, *kinds: str) -> None:
    """A message of each kind on each of the days to come."""
    for _ in range(days):
        clock.day += 1
        for kind in kinds or ("hit",):
            outbox.commit([hit() if kind == "hit" else other(kind)])


def test_what_nobody_took_goes_after_the_days_and_is_declared_lost(
    outbox: Outbox, clock: DayClock
) -> None:
    live(outbox, clock, 30)
    kept = owed_seqs(outbox)
    # A message of today, of each of the days before, and of one more: today is told a day late.
    hits = [seq for seq in kept if seq != outbox._store.state.next_seq - 1]
    assert MAX_DAYS < len(hits) <= MAX_DAYS + 3
    counts = outbox.counts()
    assert counts.hits_lost == 30 - counts.owed["hit"]
    told = declared(outbox)[outbox.epoch, "expired"]
    assert sorted(told) == [n for n in range(1, outbox._store.state.next_seq) if n not in kept]


def test_all_kinds_grow_old_and_declarations_stay(outbox: Outbox, clock: DayClock) -> None:
    live(outbox, clock, 20, "hit", "exposure", "calibration", "clock")
    owed = outbox.counts().owed
    for kind in ("hit", "exposure", "calibration", "clock"):
        assert MAX_DAYS < owed[kind] <= MAX_DAYS + 3
    assert owed["lost"] == 1


def test_delivered_hits_grow_old_without_being_lost(outbox: Outbox, clock: DayClock) -> None:
    for _ in range(30):
        live(outbox, clock, 1)
        publish(outbox, owed_seqs(outbox))
        outbox.acknowledge(outbox.epoch, outbox._store.state.next_seq - 1)
    assert MAX_DAYS < idle_hits(outbox) <= MAX_DAYS + 3
    assert outbox.counts().hits_lost == 0


def test_nothing_grows_old_while_the_clock_is_not_known(outbox: Outbox, clock: DayClock) -> None:
    clock.known = False
    live(outbox, clock, 30)
    assert outbox.counts().hits_lost == 0
    clock.known = True
    live(outbox, clock, 1)
    assert outbox.counts().hits_lost == 0, "they are as old as the first day that was known"
    live(outbox, clock, MAX_DAYS + 1)
    assert outbox.counts().hits_lost == 30


@pytest.mark.parametrize("jump_days", [400, 5000, -9000])
def test_a_wrong_time_for_less_than_a_day_makes_nothing_old(
    outbox: Outbox, clock: DayClock, jump_days: int
) -> None:
    live(outbox, clock, 4)
    right = clock.day
    clock.day += jump_days
    for _ in range(50):
        outbox.commit([hit()])
    clock.day = right
    outbox.commit([hit()])
    live(outbox, clock, 2)
    assert outbox.counts().hits_lost == 0
    live(outbox, clock, 20)
    assert outbox.counts().hits_lost > 50, "and is not remembered"


def test_a_rig_that_was_off_for_a_year_has_a_day_to_deliver(
    tmp_path: Path, clock: DayClock
) -> None:
    outbox = opened_by(tmp_path, clock)
    live(outbox, clock, 3)
    outbox.close()
    clock.day += 365
    again = opened_by(tmp_path, clock)
    for _ in range(10):
        again.commit([hit()])
    assert again.counts().hits_lost == 0
    live(again, clock, 1)
    assert again.counts().totals["hits_lost"] == 2, "the third is as old as the next known day"
    again.close()


def test_ages_outlive_a_new_epoch_and_a_restart(tmp_path: Path, clock: DayClock) -> None:
    outbox = opened_by(tmp_path, clock)
    live(outbox, clock, 4)
    publish(outbox, [1, 2])
    outbox.acknowledge(outbox.epoch, 2)
    assert outbox.acknowledge(outbox.epoch, 10**6)
    assert owed_seqs(outbox) == [1, 2]
    outbox.close()
    again = opened_by(tmp_path, clock)
    live(again, clock, 3)
    assert again.counts().totals.get("hits_lost", 0) == 0
    live(again, clock, 3)
    assert again.counts().totals["hits_lost"] == 1
    assert min(owed_seqs(again)) == 2
    live(again, clock, 1)
    assert again.counts().totals["hits_lost"] == 2
    again.close()


def test_very_much_that_is_old_goes_little_by_little(tmp_path: Path, clock: DayClock) -> None:
    outbox = opened_by(tmp_path, clock)
    live(outbox, clock, 1)
    outbox.commit([hit(n) for n in range(600)])
    live(outbox, clock, 1)
    clock.day += 365
    lost = []
    for _ in range(2):
        live(outbox, clock, 1)
        lost.append(outbox.counts().hits_lost)
    for _ in range(5):
        outbox.commit([hit()])
        lost.append(outbox.counts().hits_lost)
    assert lost[:5] == [0, 256, 512, 601, 601]
    outbox.close()


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([-3, 0, 1, 2, 5, 9]), st.booleans(), st.integers(0, 2)),
        min_size=3,
        max_size=25,
    )
)
def test_nothing_goes_before_its_days_are_over(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool, int]]
) -> None:
    """`steps`: days that pass (-3: the clock is late once), whether it is known, hits made."""
    clock = DayClock(known=True)
    outbox = opened_by(tmp_path_factory.mktemp("age"), clock)
    true_day, made_on, off = 20_000, {}, 0
    for passed, known, hits in steps:
        true_day += max(passed, 0)
        off = min(passed, 0)  # a clock that is late; one ahead of its time is tried above
        clock.day, clock.known = true_day + off, known
        for seq in outbox.commit([hit() for _ in range(hits)]):
            made_on[seq] = true_day
    owed = set(owed_seqs(outbox))
    gone = [seq for seq in made_on if seq not in owed]
    assert all(true_day - made_on[seq] >= MAX_DAYS for seq in gone)
    sums = outbox.counts().totals
    assert sums.get("committed", 0) == sums.get("lost", 0) + len(owed)
    assert sums.get("hits_lost", 0) == len(gone)
    outbox.close()


def set_aside(outbox: Outbox) -> list[int]:
    """Seqs of what was refused and is still there."""
    rows = outbox._store._db.execute("SELECT seq FROM set_aside ORDER BY rowid").fetchall()
    return [seq for (seq,) in rows]


def test_what_was_refused_is_kept_for_the_days_and_its_end_counted_and_said(
    outbox: Outbox, clock: DayClock, caplog: pytest.LogCaptureFixture
) -> None:
    refused: list[int] = []
    for _ in range(30):
        live(outbox, clock, 1)
        refused.append(outbox._store.state.next_seq - 1)
        assert outbox.refuse(outbox.epoch, refused[-1], "broker: packet too large")
    kept = set_aside(outbox)
    assert MAX_DAYS < len(kept) <= MAX_DAYS + 3
    assert kept == refused[-len(kept) :]
    totals = outbox.counts().totals
    assert (totals["refused"], totals["aside_dropped"]) == (30, 30 - len(kept))
    assert "given up, and declared so: 1 set aside" in caplog.text
    # None of them was declared lost a second time; the rest are declarations that one took the
    # place of, by their own numbers.
    told = [seq for seqs in declared(outbox).values() for seq in seqs]
    assert len(told) == len(set(told))
    assert set(refused) < set(told)
    assert len(told) == 2 * len(refused) - 1


def test_what_is_refused_after_all_before_it_has_gone_is_no_older_than_it_is(
    outbox: Outbox, clock: DayClock
) -> None:
    """SQLite gives the number of a row that is gone to the next one."""
    live(outbox, clock, 1)
    outbox.refuse(outbox.epoch, 1, "no")
    live(outbox, clock, MAX_DAYS + 3, "exposure")
    assert set_aside(outbox) == []
    last = outbox._store.state.next_seq - 1
    outbox.refuse(outbox.epoch, last, "no")
    live(outbox, clock, MAX_DAYS, "exposure")
    assert set_aside(outbox) == [last]
    live(outbox, clock, 3, "exposure")
    assert set_aside(outbox) == []


def test_what_an_older_version_set_aside_grows_old_from_the_upgrade_on(
    tmp_path: Path, clock: DayClock
) -> None:
    outbox = opened_by(tmp_path, clock)
    live(outbox, clock, 3, "exposure")
    outbox.refuse(outbox.epoch, 2, "no")
    live(outbox, clock, 3, "exposure")
    outbox.close()
    path = tmp_path / "rig.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("ALTER TABLE day_mark DROP COLUMN last_aside")
        db.execute("UPDATE set_aside SET rowid = 1")
        db.execute("PRAGMA user_version = 4")
    outbox = opened_by(tmp_path, clock)
    live(outbox, clock, MAX_DAYS, "exposure")
    assert set_aside(outbox) == [2]
    live(outbox, clock, 3, "exposure")
    assert set_aside(outbox) == []
    outbox.close()
