"""Lets go of what is old, once a day, beside a collector."""

from __future__ import annotations

import contextlib
import logging
import threading
from datetime import UTC, datetime, timedelta

from edge.errors import Failed
from edge.server.store import StoreUnavailableError, try_store

DAY_S = 86_400.0
_AGAIN_S = 3600.0

_log = logging.getLogger(__name__)


class Janitor(threading.Thread):
    """Prunes at the start and then each day, over a connection of its own.

    What fails is said and tried again after an hour; the collector goes on meanwhile.

    Parameters
    ----------
    url : str
        The collector's database; it is there.
    keep_days : float
        What is younger stays.
    stop : threading.Event
        Ends it.
    every_s : float
        From one time to the next.
    """

    def __init__(
        self, url: str, keep_days: float, stop: threading.Event, every_s: float = DAY_S
    ) -> None:
        super().__init__(name="janitor", daemon=True)
        self._url = url
        self._keep = timedelta(days=keep_days)
        self._stop_wanted = stop
        self._every_s = every_s
        self.removed = 0
        """Rows removed so far."""

    def run(self) -> None:
        """Work until the stop."""
        wait_s = 0.0
        while not self._stop_wanted.wait(wait_s):
            wait_s = self._every_s
            try:
                self._prune()
            except (StoreUnavailableError, Failed) as error:
                wait_s = min(_AGAIN_S, self._every_s)
                _log.warning("old messages were not removed: %s", error)

    def _prune(self) -> None:
        with contextlib.closing(try_store(self._url, make=False)) as store:
            removed = store.prune(datetime.now(UTC) - self._keep)
        self.removed += removed
        _log.info("%d rows older than %g days removed", removed, self._keep / timedelta(days=1))
