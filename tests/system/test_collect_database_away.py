"""`cosmic-edge collect` as a service: its database comes later, hangs, or is the wrong one."""

from __future__ import annotations

import json
import signal
import threading

import pytest

from edge.server.brokers import EmbeddedBroker, find_mosquitto
from tests.edge.server.databases import rows
from tests.edge.server.rigs import Rig, eventually, payload
from tests.postgres import Postgres, why_not
from tests.system.test_collect_postgres import command

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.postgresql,
    pytest.mark.skipif(not find_mosquitto(), reason="needs Debian's mosquitto"),
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is here"),
]


@pytest.fixture
def server():
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def broker():
    with EmbeddedBroker(prefer="mosquitto") as broker:
        yield broker


class Reader(threading.Thread):
    """Lines of a process's standard error, as they come."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.lines = []
        self._stream = process.stderr
        self.start()

    def run(self):
        self.lines += iter(self._stream.readline, "")

    def has(self, text):
        return any(text in line for line in self.lines)


def test_it_waits_for_its_database_and_then_collects(server, broker):
    url = server.create()
    server.kill()
    with command(broker.url, url, "--json") as worker:
        heard = Reader(worker)
        assert eventually(lambda: heard.has("; trying again"), 30)
        server.start()
        with Rig(broker.url) as rig:
            assert rig.deliver([("hit", 1, payload("hit", 1))])
        worker.send_signal(signal.SIGTERM)
        summary = json.loads(worker.stdout.read())
        assert worker.wait(20) == 0
    heard.join(5)
    assert summary["stored"] == 1
    assert not heard.has("Traceback")
    assert len(heard.lines) <= 3


def test_a_stop_while_it_waits_is_one_line_and_exit_1(server, broker):
    url = server.create()
    server.kill()
    with command(broker.url, url, "--json") as worker:
        heard = Reader(worker)
        assert eventually(lambda: heard.has("; trying again"), 30)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 1
    heard.join(5)
    assert heard.lines[-1].endswith(": nothing was collected\n")


def test_a_login_that_is_wrong_ends_it_at_once(server, broker):
    with command(broker.url, server.url("postgres", "stranger"), "--json") as worker:
        _, err = worker.communicate(timeout=30)
    assert worker.returncode == 1
    assert err.count("\n") == 1
    assert 'role "stranger" does not exist' in err


def test_a_stop_while_the_database_hangs_ends_in_bounded_time_and_says_what_is_owed(server, broker):
    url = server.create()
    with command(broker.url, url, "--json") as worker, Rig(broker.url) as rig:
        heard = Reader(worker)
        assert rig.deliver([("hit", 1, payload("hit", 1))])
        server.freeze()
        try:
            rig.send(payload("hit", 2))
            assert not eventually(lambda: rig.upto == 2, 1.0)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(25) == 1
        finally:
            server.thaw()
        assert json.loads(worker.stdout.read())["unsettled"] == 1
    heard.join(5)
    assert "1 messages could not be stored; the rigs keep them" in heard.lines[-1]


def test_a_database_that_hangs_is_told_and_gone_on_with_nothing_lost(server, broker):
    url = server.create()
    with command(broker.url, url, "--json") as worker, Rig(broker.url) as rig:
        heard = Reader(worker)
        assert rig.deliver([("hit", 1, payload("hit", 1))])
        server.freeze()
        try:
            rig.send(payload("hit", 2))
            assert eventually(lambda: heard.has("no answer for 20 s; trying again"), 40)
            assert rig.upto == 1
        finally:
            server.thaw()
        assert eventually(lambda: rig.upto == 2, 60)
        worker.send_signal(signal.SIGTERM)
        summary = json.loads(worker.stdout.read())
        assert worker.wait(20) == 0
    assert (summary["stored"], summary["store_waits"] > 0) == (2, True)
    assert rows(url, "SELECT seq FROM hits ORDER BY seq") == [(1,), (2,)]
