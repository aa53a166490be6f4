"""The PostgreSQL store: months, collectors at the same time, and a server that goes away."""

from __future__ import annotations

import base64
import itertools
import json
import multiprocessing
import threading
import time

import pytest

from edge.errors import Failed
from edge.messages import digest
from edge.server.arrival import examine
from edge.server.store import StoreUnavailableError, open_store
from tests.edge.server.databases import arrival, garbage, name_of, rows, watermark_of
from tests.edge.server.rigs import RIG, eventually, payload
from tests.message_examples import png
from tests.postgres import why_not

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is here"),
]


@pytest.fixture
def database(url):
    """These tests are of PostgreSQL alone."""
    return url


def at(seq, when, **changes):
    """A hit of some time."""
    window = {"time_utc": when, "window_start_utc": when, "window_end_utc": when}
    return arrival("hit", seq, **window, **changes)


def parts(url, table="hits"):
    return dict(rows(url, f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1"))


def test_a_message_is_kept_whole_and_its_crop_once(store, url):
    data = payload("hit", 1, series="Übung ☄", scores={"spot": 0.75})
    store.commit([examine(f"cosmic-edge/v1/{RIG}/hit", data, {})])
    [(message, crop, spot)] = rows(url, "SELECT message, crop, score_spot FROM hits")
    assert (message["crop"]["data"], spot) == (None, 0.75)
    message["crop"]["data"] = base64.b64encode(crop).decode()
    assert message == json.loads(data)
    assert digest(json.dumps(message).encode()) == digest(data)


def test_a_crop_that_is_written_another_way_is_kept_once_too(store, url):
    data = payload("hit", 1).replace(b"/", b"\\/")
    store.commit([examine(f"cosmic-edge/v1/{RIG}/hit", data, {})])
    [(message, crop)] = rows(url, "SELECT message->'crop'->>'data', crop FROM hits")
    assert (message, crop) == (None, base64.b64decode(png()))


def test_hits_lie_in_their_months_and_absurd_times_by_themselves(store, url):
    times = ("1970-01-01T00:00:00.000000000Z", "9999-12-31T23:59:59.999999999Z",
             "2025-12-31T23:59:59.999999999Z", "2026-01-01T00:00:00.000000000Z",
             "0001-01-01T00:00:00.000000000Z")  # fmt: skip
    receipt = store.commit([at(seq, when) for seq, when in enumerate(times, 1)])
    assert receipt.stored == 5
    assert parts(url) == {"hits_default": 3, "hits_2025_12": 1, "hits_2026_01": 1}


def test_a_month_that_was_in_the_future_takes_its_hits_when_it_comes(store, url, monkeypatch):
    store.commit([at(1, "2031-05-07T00:00:00.000000000Z"), at(2, "2031-06-01T00:00:00.000000000Z")])
    assert parts(url) == {"hits_default": 2}
    from datetime import timedelta

    monkeypatch.setattr("edge.server.partitions.AHEAD", timedelta(days=4000))
    store.commit([at(3, "2031-05-31T23:59:59.000000000Z")])
    assert parts(url) == {"hits_2031_05": 2, "hits_default": 1}


def test_a_new_month_does_not_wait_for_whoever_reads_all_hits(store, url, monkeypatch, caplog):
    """An analysis, or a backup, over the end of a month; then the table is made after all."""
    import psycopg

    store.commit([at(1, "2025-03-01T00:00:00.000000000Z")])
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM hits")
        began_s = time.monotonic()
        assert store.commit([at(2, "2025-04-01T00:00:00.000000000Z")]).stored == 1
        assert store.commit([at(3, "2025-04-02T00:00:00.000000000Z")]).stored == 1
        assert time.monotonic() - began_s < 8
        assert parts(url) == {"hits_2025_03": 1, "hits_default": 2}
        assert caplog.text.count("no table for hits_2025_04 can be made now") == 1
    monkeypatch.setattr(store._months, "_not_before_s", 0.0)  # a minute later
    assert store.commit([at(4, "2025-04-30T23:59:59.999999999Z")]).stored == 1
    assert parts(url) == {"hits_2025_03": 1, "hits_2025_04": 3}
    assert rows(url, "SHOW lock_timeout") == [("0",)]
    assert store._connection.execute("SHOW lock_timeout").fetchone() == ("30s",)


def test_a_month_made_while_its_messages_go_to_the_default_partition_takes_them(url, monkeypatch):
    """One collector found the way barred, another one a moment later did not."""
    barred, free = open_store(url), open_store(url)
    monkeypatch.setattr(barred._months, "_not_before_s", time.monotonic() + 60)
    barrier = threading.Barrier(2)
    stored = []

    def work(store, rig):
        for month in range(1, 13):
            when = f"2024-{month:02d}-03T00:00:00.000000000Z"
            barrier.wait(20)
            for seq in range(3):
                stored.append(store.commit([at(3 * month + seq, when, rig=rig)]).stored)

    threads = [threading.Thread(target=work, args=one) for one in ((barred, "a"), (free, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored == [1] * 72
    assert rows(url, "SELECT count(*) FROM hits") == [(72,)]
    assert rows(url, "SELECT count(*) FROM quarantine") == [(0,)]
    for store in (barred, free):
        store.close()


def test_a_collector_that_may_make_no_tables_goes_on_in_the_default_partition(url, postgres):
    open_store(url).close()
    name = name_of(url)
    postgres.execute("DROP ROLE IF EXISTS storing")
    postgres.execute("CREATE ROLE storing LOGIN")
    for kind in ("TABLES", "SEQUENCES"):
        postgres.execute(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO storing", name)
    store = open_store(postgres.url(name, "storing"))
    assert store.commit([at(1, "2025-04-01T00:00:00.000000000Z")]).stored == 1
    store.close()
    assert parts(url) == {"hits_default": 1}
    postgres.execute("DROP OWNED BY storing", name)
    postgres.execute("DROP ROLE storing")


def test_a_month_made_by_a_batch_that_failed_is_made_again(store, url, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr("edge.server.postgres_transaction.reach", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.commit([arrival("hit", 1), arrival("exposure", 2)])
    assert rows(url, "SELECT count(*) FROM messages") == [(0,)]
    assert store.commit([arrival("hit", 1), arrival("exposure", 2)]).stored == 2
    assert parts(url, "exposures") == {"exposures_2026_11": 1}


def test_collectors_make_the_same_month_at_the_same_time(url):
    """Each with a rig of its own: nothing but the months stands between them."""
    stores = [open_store(url) for _ in range(4)]
    barrier = threading.Barrier(4)
    done = []

    def work(number):
        for month in range(1, 13):
            barrier.wait(20)
            when = f"2024-{month:02d}-03T00:00:00.000000000Z"
            done.append(stores[number].commit([at(month, when, rig=f"rig-{number}")]).stored)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    assert done == [1] * 48
    assert len(parts(url)) == 12


def test_what_no_text_of_postgresql_holds_is_put_aside_and_passed(store, url):
    receipt = store.commit(
        [arrival("hit", 1), arrival("hit", 2, series="a\0b"), arrival("exposure", 3), garbage(4)]
    )
    assert (receipt.stored, receipt.quarantined) == (2, 2)
    assert watermark_of(store) == 4
    assert rows(url, "SELECT seq, reason FROM quarantine ORDER BY seq") == [
        (2, "unstorable"), (4, "invalid"),
    ]  # fmt: skip
    assert store.commit([arrival("hit", 2, series="a\0b")]).duplicates == 1


def test_a_topic_longer_than_an_index_takes_is_put_aside(store, url):
    topic = f"cosmic-edge/v1/{'x' * 60_000}/hit"
    assert store.commit([examine(topic, b"?", {}), examine(topic, b"?", {})]).quarantined == 2
    assert rows(url, "SELECT times FROM quarantine") == [(2,)]


def _send(url, first, step, total, answers):
    store = open_store(url)
    seqs = list(range(first, total + 1, step))[::-1]
    marks = []
    for start in range(0, len(seqs), 7):
        batch = [arrival("hit", seq) for seq in seqs[start : start + 7]]
        marks += [one.upto for one in store.commit(batch).answers]
    store.close()
    answers.put(marks)


def test_processes_that_store_one_rig_out_of_order_agree_and_the_watermark_only_rises(url):
    """Four processes share one rig's messages, each backwards; a fifth watches."""
    total = 600
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    workers = [
        context.Process(target=_send, args=(url, first, 4, total, answers)) for first in range(1, 5)
    ]
    store = open_store(url)
    for worker in workers:
        worker.start()
    seen = []
    while any(worker.is_alive() for worker in workers):
        upto = watermark_of(store)
        missing = rows(url, f"SELECT {upto} - count(*) FROM ledger WHERE seq <= {upto}")
        assert missing == [(0,)]
        seen.append(upto)
        time.sleep(0.005)
    marks = [answers.get(timeout=10) for _ in workers]
    for worker in workers:
        worker.join()
    assert seen == sorted(seen)
    assert all(one == sorted(one) for one in marks)
    assert max(itertools.chain(*marks)) == watermark_of(store) == total
    assert rows(url, "SELECT count(*), count(DISTINCT seq) FROM hits") == [(total, total)]
    store.close()


def test_a_batch_waits_for_another_collectors_batch_of_the_same_rig(url, monkeypatch):
    """Else each computes its watermark without the other's messages, and nobody corrects it."""
    from edge.server import postgres_transaction

    begun, whole = threading.Event(), postgres_transaction.reach

    def slow(*arguments):
        marks = whole(*arguments)
        if threading.current_thread().name == "slow":
            begun.set()
            time.sleep(0.5)
        return marks

    monkeypatch.setattr(postgres_transaction, "reach", slow)
    stores = [open_store(url) for _ in range(2)]
    stores[0].commit([arrival("hit", 1)])
    batch = [arrival("hit", 2), arrival("hit", 4)]
    first = threading.Thread(target=lambda: stores[0].commit(batch), name="slow")
    first.start()
    assert begun.wait(10)
    receipt = stores[1].commit([arrival("hit", 3), arrival("hit", 5)])
    first.join()
    assert receipt.answers[0].upto == watermark_of(stores[0]) == 5
    for store in stores:
        store.close()


def test_a_gap_that_closes_lets_the_watermark_pass_all_that_waited_behind_it(store, monkeypatch):
    monkeypatch.setattr("edge.server.postgres_watermark._STRIDE", 10)
    store.commit([arrival("hit", seq) for seq in range(2, 46)])
    assert watermark_of(store) == 0
    assert store.commit([arrival("hit", 1)]).answers[0].upto == 45


def test_batches_that_hold_each_others_rigs_are_both_stored(url):
    """Many rigs in many orders: nobody waits for ever."""
    stores = [open_store(url) for _ in range(3)]
    done = []

    def work(number):
        for seq in range(1, 30):
            rigs = [f"rig-{(number * 7 + turn * (number + 1)) % 11}" for turn in range(11)]
            lost = {"ranges": [], "lost_epoch": "ffffffff0000"}
            batch = [arrival("hit", seq * 10 + number, rig=rig) for rig in rigs]
            batch.append(arrival("lost", 5000 + seq * 10 + number, rig=rigs[0], **lost))
            done.append(stores[number].commit(batch).quarantined)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    assert done == [0] * 87


def test_a_deadlock_is_tried_again_until_the_batch_is_stored(store, url):
    """Somebody else's transaction takes what the batch needs in the other order."""
    import psycopg

    store.commit([arrival("hit", 1, rig="a"), arrival("hit", 1, rig="b")])
    with psycopg.connect(url) as other:
        other.execute("SET deadlock_timeout = '10s'")
        other.execute("SELECT 1 FROM rigs WHERE rig = 'b' FOR UPDATE")
        result = []
        batch = [arrival("hit", 2, rig="a"), arrival("hit", 2, rig="b")]
        worker = threading.Thread(target=lambda: result.append(store.commit(batch)))
        worker.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        assert eventually(lambda: rows(url, waiting) == [(1,)])
        other.execute("SELECT 1 FROM rigs WHERE rig = 'a' FOR UPDATE")
        other.commit()
        worker.join()
    assert [one.stored for one in result] == [2]


def test_a_server_that_is_killed_and_comes_back_takes_the_same_batch(url, store, postgres):
    store.commit([arrival("hit", 1)])
    postgres.kill()
    try:
        for _ in range(2):
            with pytest.raises(StoreUnavailableError) as caught:
                store.commit([arrival("hit", 2)])
            assert "\n" not in str(caught.value)
    finally:
        postgres.start()
    assert store.commit([arrival("hit", 1), arrival("hit", 2)]).stored == 1
    assert watermark_of(store) == 2


def test_a_connection_that_is_cut_in_the_middle_stores_all_or_nothing(url, store, postgres):
    stop = threading.Event()
    # Now within a batch, now while it connects.
    pauses = itertools.cycle([0.001, 0.004, 0.016])

    def cut():
        while not stop.wait(next(pauses)):
            postgres.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = '{name_of(url)}'"
                " AND application_name = 'cosmic-edge'"
            )

    cutter = threading.Thread(target=cut)
    cutter.start()
    failures = 0
    try:
        for start in range(1, 400, 10):
            batch = [arrival("hit", seq) for seq in range(start, start + 10)]
            while True:
                try:
                    receipt = store.commit(batch)
                except StoreUnavailableError:
                    failures += 1
                    assert rows(url, "SELECT count(*) % 10 FROM ledger") == [(0,)]
                    if failures > 20:
                        stop.set()
                else:
                    break
            assert receipt.stored + receipt.duplicates == 10
    finally:
        stop.set()
        cutter.join()
    assert failures > 0
    assert rows(url, "SELECT count(*), count(DISTINCT seq) FROM hits") == [(400, 400)]
    assert watermark_of(store) == 400


def test_a_database_that_was_replaced_is_not_gone_on_with(url, store, postgres):
    name = name_of(url)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
    postgres.execute(f"CREATE DATABASE {name}")
    with pytest.raises(StoreUnavailableError):
        store.commit([arrival("hit", 1)])
    with pytest.raises(Failed, match="another one than before"):
        store.commit([arrival("hit", 1)])


def test_a_database_that_only_reads_is_waited_for(url, postgres):
    name = name_of(url)
    open_store(url).close()
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store = open_store(url)
    with pytest.raises(StoreUnavailableError, match="read-only"):
        store.commit([arrival("hit", 1)])
    postgres.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    assert store.commit([arrival("hit", 1)]).stored == 1
    store.close()


def test_commits_wait_for_the_disk_whatever_the_database_says(url, postgres):
    postgres.execute(f"ALTER DATABASE {name_of(url)} SET synchronous_commit = off")
    store = open_store(url)
    found = store._connection.execute("SHOW synchronous_commit").fetchone()
    assert found == ("on",)
    store.close()
