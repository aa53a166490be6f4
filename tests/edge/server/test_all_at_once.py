"""Collectors, a janitor, an operator and a backup at once on one PostgreSQL."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from edge.errors import Failed
from edge.server import roster
from edge.server.arrival import examine
from edge.server.store import StoreUnavailableError, open_store
from tests.edge.server.databases import execute, garbage, rows
from tests.edge.server.rigs import payload
from tests.postgres import why_not

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is here"),
]
LASTS_S = 6.0
RIGS = [f"rig-{number}" for number in range(6)]
EPOCHS = ["00000000000000aa", "00000000000000bb"]
MONTHS = ["1970-01", "2024-03", "2024-04", "2025-12", "2026-11", "2100-01"]


class Sender:
    """Makes the batches of one collector: new messages, old ones again, garbage, earlier keys."""

    def __init__(self, number):
        self._chance = random.Random(number)
        self._number = number
        self._seqs = Counter()

    def batch(self):
        chosen = self._chance.sample(RIGS, 4)
        made = [self._hit(rig) for rig in chosen for _ in range(5)]
        made += [garbage(data=bytes([self._chance.randrange(9)]))]
        made += [self._exposure(rig) for rig in chosen[:1]]
        self._chance.shuffle(made)
        return made

    def _hit(self, rig):
        epoch = self._chance.choice(EPOCHS)
        self._seqs[rig, epoch] += 1
        # Each collector gets a third of what a rig sends, and all of them the first again.
        seq = 3 * self._seqs[rig, epoch] + self._number
        seq = seq if self._chance.random() < 0.7 else self._chance.randint(1, 50)
        when = f"{self._chance.choice(MONTHS)}-03T00:00:00.000000000Z"
        window = {"time_utc": when, "window_start_utc": when, "window_end_utc": when}
        was = f"{EPOCHS[0]}:{self._chance.randint(1, 60)}" if epoch == EPOCHS[1] else ""
        data = payload("hit", seq, rig=rig, epoch=epoch, **window)
        return examine(f"cosmic-edge/v1/{rig}/hit", data, {"was": was})

    def _exposure(self, rig):
        seq = 90_000 + 3 * self._chance.randint(1, 999) + self._number
        data = payload("exposure", seq, rig=rig, epoch=EPOCHS[0])
        return examine(f"cosmic-edge/v1/{rig}/exposure", data, {})


@contextlib.contextmanager
def at_once(works):
    """Run all of them, again and again."""
    stop, faults = threading.Event(), []

    def repeat(work, rest_s):
        try:
            while not stop.is_set():
                with contextlib.suppress(StoreUnavailableError):
                    work()
                stop.wait(rest_s)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=repeat, args=one) for one in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == []


def test_whatever_is_done_at_once_every_number_stands_where_it_has_to(url, tmp_path):
    from edge.server.backup import back_up

    open_store(url).close()
    names, numbers = itertools.cycle("xyz"), itertools.count()
    with contextlib.ExitStack() as opened:

        def store():
            return opened.enter_context(contextlib.closing(open_store(url)))

        def collect(number):
            mine, sender, left = store(), Sender(number), []

            def work():
                left[:] = left or sender.batch()
                mine.commit(left)  # the same again, where it could not be stored
                left.clear()

            return work

        def long_ago():
            with contextlib.suppress(Exception):  # a deadlock of the test's own making
                execute(url, "UPDATE hits SET received_utc = '2019-01-01' WHERE random() < 0.5")

        def operate():
            now = datetime.now(UTC)
            with contextlib.suppress(Failed):  # the rig has not come yet
                office.transact(lambda ask: roster.rename(ask, RIGS[2], next(names)))
                office.transact(lambda ask: roster.revoke(ask, RIGS[1], now))
                office.rigs()
                office.transact(lambda ask: roster.add(ask, RIGS[1], now))
            office.readmit()

        office, attic, cellar = store(), store(), store()
        works = [
            *((collect(number), 0.0) for number in range(3)),
            (operate, 0.1),
            (long_ago, 0.15),
            (lambda: attic.prune(datetime.now(UTC) - timedelta(days=30)), 0.05),
            (lambda: cellar.erase(random.choice(RIGS)), 0.3),
            (lambda: back_up(url, tmp_path / str(next(numbers))), 2.0),
        ]
        with at_once(works):
            threading.Event().wait(LASTS_S)
    [(hits,)] = rows(url, "SELECT count(*) FROM hits")
    assert hits > 0
    assert rows(
        url,
        "SELECT count(*) FROM hits LEFT JOIN ledger USING (rig, epoch, seq)"
        " WHERE ledger.kind IS DISTINCT FROM 'hit'",
    ) == [(0,)]
    assert rows(url, "SELECT count(DISTINCT (rig, epoch, seq)) FROM hits") == [(hits,)]
    for rig, epoch, upto in rows(url, "SELECT rig, epoch, upto FROM rigs"):
        query = f"SELECT seq FROM messages WHERE rig = '{rig}' AND epoch = '{epoch}'"
        settled = {seq for (seq,) in rows(url, query)}
        assert upto == next(seq for seq in itertools.count(1) if seq not in settled) - 1
