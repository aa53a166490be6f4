"""A collector's metrics: they are what it counted, and no rig makes them grow without bound."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest

from edge.messages import format_utc_ns
from edge.messages.exposure import DEAD_TIME_CAUSES
from edge.metrics.address import Listen
from edge.metrics.endpoint import Endpoint, registry_of
from edge.server.collector import Collector
from edge.server.metrics import PREFIX, CollectorFamilies
from edge.server.stats import Stats
from edge.server.store import Receipt, open_store
from edge.server.tally import Tally
from tests.edge.metrics.scrapes import samples, scrape, total, value
from tests.edge.server.databases import arrival, garbage
from tests.edge.server.rigs import RIG, Rig, eventually, payload
from tests.message_examples import body

NOW_S = 1_800_000_000.0
PROGRAM = [sys.executable, "-m", "edge.cli.main"]


def told(tally, stats=None, in_hand=0, collecting=True):
    families = CollectorFamilies(
        tally, lambda: stats or Stats(), lambda: in_hand, lambda: collecting
    )
    return samples(generate_latest(registry_of(families)).decode())


class Counted:
    """A store, and the tally of its commits, as a collector keeps it."""

    def __init__(self, store, tally):
        self.store, self.tally = store, tally

    def commit(self, batch):
        receipt = self.store.commit(batch)
        self.tally.note(receipt, 0.004)
        return receipt

    def close(self):
        self.store.close()


def ago(seconds):
    moment = format_utc_ns(int((NOW_S - seconds) * 1e9))
    return {"time_utc": moment, "window_start_utc": moment, "window_end_utc": moment}


def note(tally, *messages, **changes):
    """Count messages as if a commit had stored them."""
    counts = {"stored": len(messages), "duplicates": 0, "quarantined": 0, "conflicts": 0}
    kept = tuple(one.message for one in messages)
    tally.note(Receipt(**(counts | changes), answers=(), kept=kept), 0.004, NOW_S)


def test_what_is_told_is_what_the_commits_did(store):
    tally = Tally()
    measured, stats = Counted(store, tally), Stats()
    for batch in (
        [arrival("hit", 1), arrival("exposure", 2), arrival("hit", 1), garbage(3), garbage()],
        [arrival("hit", 1), arrival("hit", 1, x_px=7), arrival("clock", 4), arrival("lost", 5)],
    ):
        stats = stats.plus(measured.commit(batch))
    found = told(tally, stats)
    assert value(found, f"{PREFIX}_received_messages_total") == stats.received == 9
    assert total(found, f"{PREFIX}_stored_messages_total") == stats.stored == 4
    assert value(found, f"{PREFIX}_stored_messages_total", kind="hit") == 1
    assert value(found, f"{PREFIX}_duplicate_messages_total") == stats.duplicates == 2
    assert total(found, f"{PREFIX}_quarantined_messages_total") == stats.quarantined == 3
    assert value(found, f"{PREFIX}_quarantined_messages_total", reason="conflict") == 1
    assert value(found, f"{PREFIX}_quarantined_messages_total", reason="invalid") == 2
    assert value(found, f"{PREFIX}_conflicts_total") == stats.conflicts == 1
    assert value(found, f"{PREFIX}_batch_messages_count") == 2
    assert value(found, f"{PREFIX}_batch_messages_sum") == stats.received
    assert value(found, f"{PREFIX}_commit_seconds_count") == 2
    lost = sum(one["last_seq"] - one["first_seq"] + 1 for one in body("lost")["ranges"])
    assert total(found, f"{PREFIX}_declared_lost_messages_total") == lost > 0
    assert value(found, f"{PREFIX}_rigs_seen") == 1


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.lists(
            st.one_of(
                st.builds(lambda seq: arrival("hit", seq), st.integers(1, 6)),
                st.builds(
                    lambda seq, x: arrival("hit", seq, x_px=x), st.integers(1, 6), st.just(9)
                ),
                st.builds(garbage, st.none() | st.integers(1, 6)),
            ),
            max_size=8,
        ),
        max_size=4,
    )
)
def test_every_message_is_in_one_bin_of_the_scrape(batches):
    tally, stats = Tally(), Stats()
    with TemporaryDirectory() as folder, closing(open_store(f"{folder}/c.db")) as store:
        measured = Counted(store, tally)
        for batch in batches:
            stats = stats.plus(measured.commit(batch))
    found = told(tally, stats)
    parts = ("stored", "duplicate", "quarantined")
    assert value(found, f"{PREFIX}_received_messages_total") == stats.received
    assert stats.received == sum(total(found, f"{PREFIX}_{one}_messages_total") for one in parts)
    assert total(found, f"{PREFIX}_quarantined_messages_total") == stats.quarantined


def test_a_commit_that_failed_is_not_counted_and_the_next_is_counted_once(broker, path):
    tally = Tally()
    store, stop = open_store(str(path)), threading.Event()
    collector = Collector(broker.url, store, noted=tally.note)
    thread = threading.Thread(target=collector.run, args=(stop,))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        thread.start()
        try:
            assert collector.wait_subscribed(10)
            other.execute("BEGIN IMMEDIATE")
            with Rig(broker.url) as rig:
                rig.send(payload("hit", 1))
                assert eventually(lambda: collector.stats.store_waits >= 1)
                assert collector.in_hand == 1
                assert value(told(tally), f"{PREFIX}_received_messages_total") == 0
                assert value(told(tally), f"{PREFIX}_commit_seconds_count") == 0
                other.execute("ROLLBACK")
                assert eventually(lambda: rig.upto == 1)
        finally:
            stop.set()
            thread.join()
            store.close()
    found = told(tally, collector.stats)
    assert value(found, f"{PREFIX}_received_messages_total") == 1
    assert value(found, f"{PREFIX}_commit_seconds_count") == 1
    assert value(found, f"{PREFIX}_store_waits_total") >= 1


def test_what_counts_and_fails_stops_no_collector(broker, path, caplog):
    def fails(receipt, seconds):
        raise RuntimeError("no more memory")

    store, stop = open_store(str(path)), threading.Event()
    collector = Collector(broker.url, store, noted=fails)
    thread = threading.Thread(target=collector.run, args=(stop,))
    thread.start()
    try:
        assert collector.wait_subscribed(10)
        with Rig(broker.url) as rig:
            assert rig.deliver([("hit", seq, payload("hit", seq)) for seq in (1, 2, 3)])
    finally:
        stop.set()
        thread.join()
        store.close()
    assert collector.stats.stored == 3
    assert "a commit was not counted: RuntimeError: no more memory" in caplog.text


def test_what_may_be_counted_is_told_as_zero_before_it_is():
    """Else Prometheus would not see the first of it."""
    found = told(Tally())
    for label in ("spot", "track", "worm", "artefact"):
        assert value(found, f"{PREFIX}_hits_total", origin="camera", **{"class": label}) == 0
    for cause in DEAD_TIME_CAUSES:
        assert value(found, f"{PREFIX}_dead_seconds_total", origin="camera", cause=cause) == 0
    for reason in ("invalid", "conflict"):
        assert value(found, f"{PREFIX}_quarantined_messages_total", reason=reason) == 0


def test_the_lag_is_from_the_hit_to_its_commit_where_a_clock_was_known():
    tally = Tally()
    note(
        tally,
        arrival("hit", 1, **ago(1.5)),
        arrival("hit", 2, **ago(-3.0)),  # a clock ahead of ours
        arrival("hit", 3, **ago(1e9), clock="unsynced", time_uncertainty_s=None),
        arrival("hit", 4, **ago(1e9), origin="recording"),
    )
    found = told(tally)
    assert value(found, f"{PREFIX}_hit_lag_seconds_count") == 2
    assert value(found, f"{PREFIX}_hit_lag_seconds_sum") == pytest.approx(1.5)
    assert value(found, f"{PREFIX}_hit_lag_seconds_bucket", le="1.0") == 1
    assert value(found, f"{PREFIX}_hit_lag_seconds_bucket", le="2.0") == 2
    assert value(found, f"{PREFIX}_hit_lag_seconds_bucket", le="+Inf") == 2
    assert value(found, f"{PREFIX}_hit_time_uncertainty_seconds_count") == 3


def test_rates_of_real_hits_are_not_mixed_with_simulated_ones():
    tally = Tally()
    note(
        tally,
        *(arrival("hit", seq) for seq in (1, 2)),
        arrival("hit", 3, origin="simulation"),
        arrival("exposure", 4),
        arrival("exposure", 5, origin="simulation", dead_time_ns={"made_up": 5_000_000_000}),
    )
    found, exposure = told(tally), body("exposure")
    hits = f"{PREFIX}_hits_total"
    assert value(found, hits, origin="camera", **{"class": body("hit")["class"]}) == 2
    assert total(found, hits) == 3
    live = value(found, f"{PREFIX}_live_seconds_total", origin="camera")
    assert live == exposure["live_time_ns"] / 1e9
    dead = f"{PREFIX}_dead_seconds_total"
    assert value(found, dead, origin="simulation", cause="other") == 5
    for cause, dead_ns in exposure["dead_time_ns"].items():
        assert cause in DEAD_TIME_CAUSES
        assert value(found, dead, origin="camera", cause=cause) == dead_ns / 1e9


def test_a_thousand_rigs_do_not_make_a_thousand_series(tmp_path):
    tally = Tally(named_rigs=10)
    store = Counted(open_store(str(tmp_path / "c.db")), tally)
    before = len(told(tally))
    store.commit([arrival("exposure", 1, rig=f"rig-{n}") for n in range(1000)])
    found = told(tally)
    named = [key for key in found if key[0].endswith("rig_last_message_timestamp_seconds")]
    assert len(named) == 10
    assert len(found) - before < 30
    assert value(found, f"{PREFIX}_rigs_seen") == 1000
    assert value(found, f"{PREFIX}_rigs_unnamed") == 990
    store.close()


def test_a_named_rig_keeps_its_series_and_its_time_goes_on(tmp_path):
    tally = Tally(named_rigs=1)
    store = Counted(open_store(str(tmp_path / "c.db")), tally)
    began = time.time()
    for seq, rig in enumerate([RIG, "late-1", RIG], 1):
        store.commit([arrival("hit", seq, rig=rig)])
    name = f"{PREFIX}_rig_last_message_timestamp_seconds"
    assert began <= value(told(tally), name, rig=RIG) <= time.time()
    assert (name, (("rig", "late-1"),)) not in told(tally)
    store.close()


def test_a_running_collector_tells_its_own_stats(broker, path):
    tally = Tally()
    store = open_store(str(path))
    collector, stop = Collector(broker.url, store, noted=tally.note), threading.Event()
    families = CollectorFamilies(
        tally, lambda: collector.stats, lambda: collector.in_hand, lambda: True
    )
    thread = threading.Thread(target=collector.run, args=(stop,))
    thread.start()
    try:
        assert collector.wait_subscribed(10)
        with Endpoint(Listen.parse("0"), families) as endpoint, Rig(broker.url) as rig:
            messages = [("hit", seq, payload("hit", seq)) for seq in range(1, 51)]
            assert rig.deliver(messages)
            rig.send(b"nonsense")
            assert eventually(lambda: collector.stats.quarantined == 1)
            found, stats = scrape(endpoint.listen.url), collector.stats
    finally:
        stop.set()
        thread.join()
        store.close()
    assert stats.stored == 50
    assert value(found, f"{PREFIX}_received_messages_total") == stats.received
    assert total(found, f"{PREFIX}_stored_messages_total") == stats.stored
    assert value(found, f"{PREFIX}_duplicate_messages_total") == stats.duplicates
    assert total(found, f"{PREFIX}_quarantined_messages_total") == stats.quarantined
    assert value(found, f"{PREFIX}_in_hand_messages") == 0
    for name in ("reconnects", "store_waits", "unsettled_messages"):
        assert value(found, f"{PREFIX}_{name}_total") == 0


def test_the_command_says_where_its_metrics_are_and_that_it_collects(broker, path):
    command = [*PROGRAM, "collect", "--broker", broker.url, "--db", str(path), "--metrics", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            said = next(line for line in process.stderr if "metrics at" in line)
            url = re.search(r"http\S+", said)[0]
            assert eventually(lambda: value(scrape(url), f"{PREFIX}_collecting") == 1)
        finally:
            process.terminate()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("metrics", "line"),
    [("nowhere", "give [HOST:]PORT"), ("192.0.2.1:9", "metrics on 192.0.2.1 port 9: ")],
)
def test_a_wrong_place_for_metrics_is_one_line_and_nothing_is_collected(
    broker, path, metrics, line
):
    command = [*PROGRAM, "collect", "--broker", broker.url, "--db", str(path)]
    ended = subprocess.run(
        [*command, "--metrics", metrics], check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == (2 if metrics == "nowhere" else 1)
    assert line in ended.stderr
    assert "Traceback" not in ended.stderr
    assert path.exists() == (metrics != "nowhere")
