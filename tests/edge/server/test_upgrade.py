"""Collectors and rigs of two versions side by side; on both engines."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from edge.errors import Failed
from edge.server import layout, postgres_schema, roster, schema
from edge.server.arrival import Refusal, examine
from edge.server.store import open_store
from tests.edge.server.databases import arrival, execute, watermark_of
from tests.edge.server.rigs import RIG, payload

NEWEST = len(layout.STEPS)
NEWER = Refusal("invalid", "a newer version's")


@pytest.fixture
def older(database, monkeypatch):
    """A database as the version before made it, with a hit in it."""
    steps = {
        "edge.server.postgres_schema": postgres_schema.MIGRATIONS[: NEWEST - 1],
        "edge.server.schema": schema.MIGRATIONS[: NEWEST - 1],
    }
    make_as(database, steps, monkeypatch)
    execute(database, "INSERT INTO ledger VALUES ('old', 'abcdef0123456789', 1, 'hit', 'd')")
    execute(database, "INSERT INTO rigs VALUES ('old', 'abcdef0123456789', 1, 1, NULL)")
    return database


def make_as(database, steps, monkeypatch):
    if "://" in database:
        import psycopg

        with psycopg.connect(database, autocommit=True) as connection:
            postgres_schema.migrate(connection, steps["edge.server.postgres_schema"])
        return
    import contextlib
    import sqlite3

    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        schema.migrate(connection, steps["edge.server.schema"])


def bring_forward(database):
    """Do what the next version would do."""
    step = ("CREATE TABLE fresh (a int)",)
    steps = {
        "edge.server.postgres_schema": (*postgres_schema.MIGRATIONS, step),
        "edge.server.schema": (*schema.MIGRATIONS, step),
    }
    make_as(database, steps, None)


def test_several_new_collectors_at_once_bring_an_old_database_forward_once(older):
    opened, failed = [], []

    def start():
        try:
            opened.append(open_store(older))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failed == []
    assert {one.schema for one in opened} == {NEWEST}
    assert len({one.identity for one in opened}) == 1
    assert watermark_of(opened[0], "old", "abcdef0123456789") == 1
    assert opened[1].commit([arrival("hit", 1)]).stored == 1
    for one in opened:
        one.close()


def test_a_collector_that_runs_stops_in_one_line_when_a_newer_one_brings_the_tables_forward(
    store, database, rows
):
    store.commit([arrival("hit", 1)])
    bring_forward(database)
    with pytest.raises(Failed, match=rf"has schema {NEWEST + 1}, this version knows") as caught:
        store.commit([arrival("hit", 2)])
    assert "\n" not in str(caught.value)
    assert rows("SELECT seq FROM hits") == [(1,)]
    with pytest.raises(Failed, match="upgrade cosmic-edge"):
        open_store(database)


def test_a_collector_in_the_middle_of_a_batch_is_waited_for_before_the_tables_change(
    store, database
):
    """Nothing is written by the old rules into the new tables."""
    store.commit([arrival("hit", 1)])
    inside, order = threading.Event(), []

    def hold(ask):
        if "://" in database:
            ask("SELECT pg_advisory_xact_lock_shared({key}, 0)", {"key": layout.APPLICATION_ID})
        inside.set()
        threading.Event().wait(0.5)
        order.append("batch")

    batch = threading.Thread(target=lambda: store.transact(hold))
    batch.start()
    assert inside.wait(5)
    bring_forward(database)
    order.append("tables")
    batch.join()
    assert order == ["batch", "tables"]


def test_a_message_of_a_newer_rig_is_kept_aside_whole_and_the_rig_may_go_on(store, rows):
    newer = json.loads(payload("hit", 1))
    newer["schema"], newer["energy_kev"] = "cosmic-edge/hit/2", 3.5
    body = json.dumps(newer).encode()
    receipt = store.commit([examine(f"cosmic-edge/v1/{RIG}/hit", body, {}), arrival("hit", 2)])
    assert (receipt.stored, receipt.quarantined, receipt.answers[0].upto) == (1, 1, 2)
    [(detail, kept)] = rows("SELECT detail, payload FROM quarantine")
    assert "cosmic-edge/hit/2" in detail
    assert bytes(kept) == body
    assert rows("SELECT seq, kind FROM messages ORDER BY seq") == [(1, "quarantined"), (2, "hit")]
    assert watermark_of(store) == 2
    assert store.readmit() == 0


def test_once_a_message_can_be_read_it_leaves_the_quarantine(store, rows):
    """A newer version reads what the older one could not: here, what was once refused."""
    unread = [replace(arrival("hit", seq), message=None, refusal=NEWER) for seq in range(1, 451)]
    assert store.commit(unread).quarantined == 450
    assert store.readmit() == 450
    assert rows("SELECT count(*), count(DISTINCT seq) FROM hits") == [(450, 450)]
    assert rows("SELECT count(*) FROM quarantine") == [(0,)]
    assert rows("SELECT DISTINCT kind FROM messages") == [("hit",)]
    receipt = store.commit([arrival("hit", 450), arrival("hit", 451)])
    assert (receipt.duplicates, receipt.answers[0].upto) == (1, 451)
    assert store.readmit() == 0


def test_what_a_rig_sent_while_it_was_revoked_comes_back_with_it_and_not_before(store, rows):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    store.transact(lambda ask: roster.add(ask, RIG, now))
    store.transact(lambda ask: roster.revoke(ask, RIG, now))
    store.commit([arrival("hit", 1), arrival("exposure", 2)])
    assert store.readmit() == 0
    store.transact(lambda ask: roster.add(ask, RIG, now))
    assert store.readmit() == 2
    assert rows("SELECT seq, kind FROM messages ORDER BY seq") == [(1, "hit"), (2, "exposure")]


def test_a_conflict_and_what_was_erased_stay_out(store, rows):
    store.commit([arrival("hit", 1), replace(arrival("hit", 2), message=None, refusal=NEWER)])
    store.commit([arrival("hit", 1, peak_adu=7)])
    store.erase(RIG)
    assert store.readmit() == 0
    assert rows("SELECT count(*) FROM hits") == [(0,)]
