"""A network that swallows what is sent to PostgreSQL, and hangs up on nobody."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from edge.errors import BadUse
from edge.server.postgres_connection import Address
from edge.server.postgres_store import PostgresStore
from edge.server.store import StoreUnavailableError
from edge.server.watchdog import Watchdog
from tests.brokers import free_port
from tests.edge.server.databases import arrival, name_of, rows
from tests.edge.server.rigs import eventually
from tests.postgres import Postgres, why_not

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is here"),
]


class Cable:
    """Between a client and a server; while it is `cut`, bytes vanish."""

    def __init__(self, port):
        self.cut = False
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._ends = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self._ends:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in self._ends:
            one.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self._server.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._target))
                self._ends += [near, far]
                for pair in ((near, far), (far, near)):
                    self._threads.append(threading.Thread(target=self._pump, args=pair))
                    self._threads[-1].start()

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self.cut:
                    sink.sendall(data)
        if not self.cut:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cable():
    port = free_port()
    server = Postgres(listen_addresses="127.0.0.1", port=str(port))
    cable = Cable(port)
    cable.server = server
    yield cable
    cable.close()
    server.stop()


def test_what_vanishes_on_the_way_is_told_in_bounded_time_and_sent_again(cable):
    near = cable.server.create()
    store = PostgresStore(f"postgresql://cosmic@127.0.0.1:{cable.port}/{name_of(near)}")
    store._watchdog = Watchdog(first_s=1.0)
    try:
        store.commit([arrival("hit", 1)])
        cable.cut = True
        since = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="no answer for 1 s"):
            store.commit([arrival("hit", 2)])
        assert time.monotonic() - since < 3
        with pytest.raises(StoreUnavailableError, match="timeout expired"):
            store.commit([arrival("hit", 2)])
        assert time.monotonic() - since < 10
        cable.cut = False

        def again():
            with contextlib.suppress(StoreUnavailableError):
                return store.commit([arrival("hit", 2)]).answers[0].upto == 2

        assert eventually(again, 60)
    finally:
        store.close()
    assert rows(near, "SELECT seq FROM hits ORDER BY seq") == [(1,), (2,)]


def test_what_another_program_is_told_on_its_command_line_holds_no_secret():
    address = Address("postgresql://me:s3cret@box/db?sslmode=require")
    place, password = address.without_secrets()
    assert password == "s3cret"
    assert "s3cret" not in place
    assert "host=box" in place
    with pytest.raises(BadUse, match="a key with a password") as caught:
        Address("postgresql://me@box/db?sslpassword=s3cret").without_secrets()
    assert "s3cret" not in str(caught.value)
