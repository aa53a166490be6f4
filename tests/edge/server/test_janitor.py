"""Old messages go by themselves, beside a collector that stores; on both engines."""

from __future__ import annotations

import logging
import threading

from edge.cli.main import main
from edge.server.janitor import Janitor
from edge.server.store import open_store
from tests.edge.server.databases import arrival, watermark_of
from tests.edge.server.rigs import eventually
from tests.edge.server.test_upkeep import OLD, at, long_ago


def test_what_is_old_goes_at_the_start_and_again_each_time(store, database, rows):
    store.commit([at(1, OLD), arrival("hit", 2)])
    long_ago(database)
    stop = threading.Event()
    janitor = Janitor(database, 30.0, stop, every_s=0.05)
    janitor.start()
    try:
        assert eventually(lambda: rows("SELECT seq FROM hits") == [(2,)])
        store.commit([at(3, OLD)])
        long_ago(database)
        assert eventually(lambda: rows("SELECT seq FROM hits") == [(2,)])
        assert store.commit([arrival("hit", 4)]).answers[0].upto == 4
        assert store.commit([at(1, OLD), at(3, OLD)]).duplicates == 2
        assert eventually(lambda: janitor.removed == 2)
    finally:
        stop.set()
        janitor.join(10)
    assert not janitor.is_alive()
    assert watermark_of(store) == 4


def test_what_fails_is_said_and_tried_again(tmp_path, caplog):
    database, stop = tmp_path / "later.db", threading.Event()
    caplog.set_level(logging.INFO)
    janitor = Janitor(str(database), 30.0, stop, every_s=0.05)
    janitor.start()
    try:
        assert eventually(lambda: "old messages were not removed" in caplog.text)
        assert not database.exists()
        open_store(str(database)).close()
        assert eventually(lambda: "0 rows older than 30 days removed" in caplog.text)
    finally:
        stop.set()
        janitor.join(10)


def test_a_collector_does_it_where_it_is_told_so(tmp_path, capsys):
    from edge.server.brokers import EmbeddedBroker

    database = str(tmp_path / "c.db")
    store = open_store(database)
    store.commit([at(1, OLD), arrival("hit", 2)])
    store.close()
    long_ago(database)
    with EmbeddedBroker() as broker:
        options = ["--broker", broker.url, "--db", database, "--duration", "2", "--json"]
        assert main(["collect", *options, "--keep-days", "30"]) == 0
    assert '"pruned": 1' in capsys.readouterr().out
    assert main(["collect", *options, "--keep-days", "0.5"]) == 2
