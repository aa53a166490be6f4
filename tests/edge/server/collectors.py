"""Running collectors, for tests."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading

from edge.errors import Failed
from edge.server.collector import Collector
from edge.server.store import open_store


@contextlib.contextmanager
def collecting(url, path, share=None, subscribed=True):
    """A running collector; its error, if any, in `.error` once it has ended."""
    store = open_store(str(path))
    collector = Collector(url, store, share)
    stop = threading.Event()
    collector.error = None
    collector.stop = stop

    def work():
        try:
            collector.run(stop)
        except Failed as error:
            collector.error = error

    thread = threading.Thread(target=work)
    thread.start()
    try:
        if subscribed:
            assert collector.wait_subscribed(10)
        yield collector
    finally:
        stop.set()
        thread.join(20)
        store.close()
        assert not thread.is_alive()
    stats = collector.stats
    assert stats.received == stats.stored + stats.duplicates + stats.quarantined


class Gate:
    """In front of a broker: gives MQTT 5 its own answers, one for each packet."""

    def __init__(self, port, *answers):
        self._port, self._answers = port, answers
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self.levels: queue.Queue[int] = queue.Queue()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self._server.accept()[0]
                self._open.append(client)
                connect = client.recv(4096)
                level = connect[connect.index(b"MQTT") + 4]
                self.levels.put(level)
                if level == 5:
                    for answer in self._answers:
                        client.sendall(answer)
                        client.recv(4096)
                    continue
                behind = socket.create_connection(("127.0.0.1", self._port))
                self._open.append(behind)
                behind.sendall(connect)
                for pair in ((client, behind), (behind, client)):
                    self._threads.append(threading.Thread(target=self._pump, args=pair))
                    self._threads[-1].start()

    @staticmethod
    def _pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
