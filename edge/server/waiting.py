"""The start of a service whose database is not there yet."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge.delivery.backoff import FullJitter
from edge.server.store import Store, StoreUnavailableError, try_store

_FIRST_S, _LAST_S = 0.5, 15.0


def wait_for_store(url: str, stop: threading.Event, say: Callable[[str], None]) -> Store | None:
    """Open or make the database, and wait for it where it is away.

    Parameters
    ----------
    url : str
        As `edge.server.store.open_store` takes it.
    stop : threading.Event
        Ends the wait.
    say : callable
        Gets a line when the wait begins, and when its reason changes.

    Returns
    -------
    Store or None
        None: `stop` came first.

    Raises
    ------
    edge.errors.BadUse, ModuleNotFoundError, edge.errors.Failed
        Waiting will not help: see `edge.server.store.open_store`.
    """
    waits = FullJitter(_FIRST_S, _LAST_S)
    said = ""
    while True:
        try:
            return try_store(url)
        except StoreUnavailableError as error:
            if str(error) != said:
                say(str(error))
            said = str(error)
        if stop.wait(waits.next_s()):
            return None
