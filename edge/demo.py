"""All of it on one computer: simulated camera, rig, broker, collector, database."""

from __future__ import annotations

import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from edge.config.model import Config
from edge.delivery import BrokerAddress
from edge.display.live import LiveDisplay
from edge.errors import Failed
from edge.live.parts import Moment
from edge.live.session import Session
from edge.live.view import snapshot
from edge.server.brokers import EmbeddedBroker
from edge.server.collector import Collector
from edge.server.query import count_hits
from edge.server.store import Store, open_store
from edge.sources import open_source

_SUBSCRIBED_WITHIN_S = 10.0


class Demo:
    """A session with its own broker and server.

    Parameters
    ----------
    config : Config
        Broker and state folder are set here.
    display : LiveDisplay
        Shows how it goes.
    state_dir : Path or None
        Where outbox, calibrations and database stay; None: in a folder that is thrown away.
    expected_per_min : float or None
        Known rate of the source.
    broker : {"mosquitto", "amqtt"} or None
        Take only this one; None: mosquitto if there is one.
    """

    def __init__(
        self,
        config: Config,
        display: LiveDisplay,
        *,
        state_dir: Path | None = None,
        expected_per_min: float | None = None,
        broker: str | None = None,
    ) -> None:
        self._config = config
        self._display = display
        self._state_dir = state_dir
        self._expected_per_min = expected_per_min
        self._broker = broker

    def run(self, stop: threading.Event, duration_s: float | None = None) -> dict[str, Any]:
        """Run until `stop` or the end of `duration_s`; the summary of `run` and ``stored``."""
        source = open_source(self._config.source.url)
        with ExitStack() as stack:
            folder = self._state_dir
            if folder is None:
                folder = Path(
                    stack.enter_context(tempfile.TemporaryDirectory(prefix="cosmic-edge-demo-"))
                )
            broker = stack.enter_context(EmbeddedBroker(self._broker))
            server = stack.enter_context(_Server(broker.url, folder / "server.sqlite"))
            rig = self._config.rig.model_copy(update={"state_dir": folder})
            config = self._config.model_copy(update={"rig": rig})
            before = server.hits(config.rig.name)

            def watch(moment: Moment) -> None:
                if not self._display.due():
                    return
                stored = server.hits(config.rig.name) - before
                self._display.update(
                    snapshot(
                        "demo",
                        config,
                        source,
                        moment,
                        stored=stored,
                        expected_per_min=self._expected_per_min,
                    )
                )

            session = Session(config, source, BrokerAddress.parse(broker.url), watch=watch)
            summary = session.run(stop, duration_s)
            server.stop()
            kept = {"state_dir": str(folder)} if self._state_dir else {}
            return {
                **summary,
                "stored": server.hits(config.rig.name) - before,
                "broker": broker.kind,
                **kept,
            }


class _Server:
    """A collector in a thread, and a look into its database."""

    def __init__(self, broker_url: str, database: Path) -> None:
        self._database = database
        database.parent.mkdir(parents=True, exist_ok=True)
        self._store: Store = open_store(str(database))
        self._collector = Collector(broker_url, self._store)
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="collector", daemon=True)

    def __enter__(self) -> _Server:
        self._thread.start()
        if not self._collector.wait_subscribed(_SUBSCRIBED_WITHIN_S):
            self.stop()
            raise Failed(f"the demo's server did not start: {self._error or 'no answer'}")
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
        self._store.close()

    def stop(self) -> None:
        """Settle what has come, and end."""
        self._stop.set()
        self._thread.join()

    def hits(self, rig: str) -> int:
        """Hits of a rig in the database."""
        return count_hits(self._database, rig)

    def _run(self) -> None:
        try:
            self._collector.run(self._stop)
        except Exception as error:
            self._error = error
