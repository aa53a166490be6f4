"""The collector: from MQTT to the database, and the watermark back to the rigs.

Order is all: commit, then tell the rig, then the broker. Whatever fails in between is sent again
and found to be a duplicate.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from edge.delivery.address import BrokerAddress, ProtocolVersion
from edge.delivery.asking import ask_plainly
from edge.delivery.backoff import FullJitter
from edge.delivery.link import UNSUPPORTED_PROTOCOL_VERSION
from edge.delivery.transport import Waker
from edge.errors import Failed
from edge.messages import topic
from edge.server.arrival import Arrival, examine
from edge.server.connection import (
    RECEIVE_MAXIMUM,
    BrokerAwayError,
    BrokerRefusedError,
    BrokerSilentError,
    Connection,
)
from edge.server.ending import Ending
from edge.server.mqtt_reader import Published
from edge.server.stats import Stats
from edge.server.store import Answer, Receipt, Store, StoreUnavailableError
from edge.server.subscription import subscription

# A rig sends 900 ahead of its watermark: with a part of that in a batch, it sends the next ones
# while this one is stored.
BATCH_MESSAGES = 200
BATCH_BYTES = 32 << 20
BATCH_WAIT_S = 0.05
# A broker that keeps few messages in flight sends no more until it gets its acknowledgements:
# waiting out the full time would then be the speed limit.
_QUIET_S = 0.005
_POLL_S = 0.1
_PLAIN_ANSWER_S = 2.0
DRAIN_S = 10.0
COLLECTING = "collecting"
# A connection this old was a good one: the next loss starts with a short wait again.
_STEADY_S = 10.0
_SUSPICIOUS = 3
_RIVAL = "if another collector of this database runs, stop it or give both the same --share"

_log = logging.getLogger(__name__)


class Collector:
    """Takes what rigs send and stores it, exactly once each.

    Parameters
    ----------
    broker : str
        URL, see `edge.delivery.address.BrokerAddress`.
    store : Store
        Where to; used by the thread that calls `run` alone.
    share : str or None
        Name of the shared subscription this collector is one of; None: it is the only one, and
        the broker keeps what comes while it is away.
    noted : callable, optional
        Told of each commit that returned, and how many seconds it took.

    Raises
    ------
    edge.errors.BadUse
        The URL or the share's name is wrong.
    """

    def __init__(
        self,
        broker: str,
        store: Store,
        share: str | None = None,
        *,
        noted: Callable[[Receipt, float], None] = lambda receipt, seconds: None,
    ) -> None:
        self._noted = noted
        self._address = BrokerAddress.parse(broker)
        self._protocol: ProtocolVersion = self._address.protocol or "5"
        self._store = store
        self._share = share
        self._subscription = subscription(store.identity, share, self._address)
        self._lock = threading.Lock()
        self._stats = Stats()
        self._state = "starting"
        self._in_hand = 0
        self._subscribed = threading.Event()
        self._asked_plainly = False
        self._short_lived = 0
        self._store_waits = FullJitter(0.1, 5.0)
        # Soon back: what rigs send to a broker that nobody listens to, they send again later.
        self._broker_waits = FullJitter(0.5, 5.0)

    @property
    def stats(self) -> Stats:
        """Counts so far; from any thread."""
        with self._lock:
            return self._stats

    @property
    def state(self) -> str:
        """What it is doing, for a person; from any thread."""
        return self._state

    @property
    def in_hand(self) -> int:
        """Messages that have come and are not settled yet; from any thread."""
        return self._in_hand

    def wait_subscribed(self, timeout_s: float) -> bool:
        """Wait until it has subscribed for the first time."""
        return self._subscribed.wait(timeout_s)

    def run(self, stop: threading.Event) -> Stats:
        """Collect until `stop` is set, then settle what has come, for up to 10 s.

        Raises
        ------
        edge.errors.Failed
            The broker refuses the login or the subscription, or never answered; the database is
            damaged or gone.
        """
        ending = Ending(stop, DRAIN_S)
        connection: Connection | None = None
        try:
            while not ending.wanted:
                connection = self._connect(ending)
                if connection is not None:
                    self._serve(connection, ending)
            self._drain(connection, ending)
        finally:
            if connection is not None:
                connection.close()
        if not self._subscribed.is_set():
            raise Failed(f"{self._state}: nothing was collected")
        return self.stats

    def _connect(self, ending: Ending) -> Connection | None:
        """Try once; None, after a wait, where it did not work."""
        connection = Connection(self._address, self._protocol, self._subscription)
        try:
            connection.open(first=self._version_is_open and not self._asked_plainly)
        except BrokerRefusedError as error:
            self._refused(error, ending)
            return None
        except BrokerSilentError as error:
            self._unanswered(str(error), ending)
            return None
        except BrokerAwayError as error:
            self._stand_back(str(error), ending)
            return None
        if self._subscribed.is_set():
            self._change(reconnects=1)
        self._say(COLLECTING)
        self._subscribed.set()
        return connection

    def _refused(self, error: BrokerRefusedError, ending: Ending) -> None:
        """Fall back to 3.1.1, on the broker's word alone; else give up or wait."""
        can_not_5 = error.code == UNSUPPORTED_PROTOCOL_VERSION
        if can_not_5 and self._version_is_open:
            self._fall_back()
        elif (error.setup or can_not_5) and not self._subscribed.is_set():
            raise Failed(f"broker {self._address} refuses: {error}") from None
        else:
            self._stand_back(f"broker {self._address} refuses: {error}", ending)

    def _unanswered(self, why: str, ending: Ending) -> None:
        """Ask a broker that stays silent whether it knows MQTT 5 at all; else wait."""
        if self._version_is_open and self._says_no_mqtt_5(ending):
            self._fall_back()
        else:
            self._stand_back(why, ending)

    def _says_no_mqtt_5(self, ending: Ending) -> bool:
        self._asked_plainly = True
        with contextlib.closing(Waker()) as waker:
            # Not by the session's name: a bare CONNECT would end it, with all that waits in it.
            return ask_plainly(
                self._address,
                f"cosmic-edge-asks-{secrets.token_hex(4)}",
                tls=self._address.tls_context(),
                waker=waker,
                timeout_s=_PLAIN_ANSWER_S,
                given_up=lambda: ending.wanted,
            )

    @property
    def _version_is_open(self) -> bool:
        return self._protocol == "5" and self._address.protocol is None

    def _fall_back(self) -> None:
        if self._share is not None:
            raise Failed(f"broker {self._address} has no MQTT 5, which a shared subscription needs")
        self._protocol = "3.1.1"
        _log.info("broker %s speaks no MQTT 5; using 3.1.1", self._address)

    def _stand_back(self, why: str, ending: Ending) -> None:
        self._say(why)
        ending.pause(self._broker_waits.next_s())

    def _serve(self, connection: Connection, ending: Ending) -> None:
        """Settle batch after batch until the connection or the run ends."""
        since = time.monotonic()
        while not ending.wanted:
            batch = _gather(connection, _POLL_S)
            if batch:
                self._settle(batch, connection, ending)
            elif not connection.alive:
                self._lost(connection, time.monotonic() - since, ending)
                return

    def _lost(self, connection: Connection, lasted_s: float, ending: Ending) -> None:
        """Make ready for the next connection."""
        why = f"broker {self._address}: {connection.why}"
        if connection.taken_over:
            raise Failed(f"{why}: {_RIVAL}")
        self._short_lived += 1
        if lasted_s > _STEADY_S:
            self._short_lived = 0
            self._broker_waits.reset()
        elif self._short_lived >= _SUSPICIOUS and self._share is None:
            # Not every broker says that another client came with the same session.
            why = f"{why} again and again: {_RIVAL}"
        connection.close()
        self._stand_back(why, ending)

    def _drain(self, connection: Connection | None, ending: Ending) -> None:
        """Settle what has come, see the watermarks off, say goodbye."""
        if connection is None:
            return
        connection.stop_intake(min(1.0, ending.left_s))
        # Each acknowledgement brings more from a durable session: what follows stays there.
        left = RECEIVE_MAXIMUM
        while left > 0 and (batch := _gather(connection, 0.0)):
            self._settle(batch, connection, ending)
            left -= len(batch)
            if ending.left_s == 0.0:  # each try more may take a database's whole patience
                break
        connection.close(ending.left_s)

    def _settle(self, batch: list[Published], connection: Connection, ending: Ending) -> None:
        """Commit, tell the rigs, tell the broker: in this order."""
        self._in_hand = len(batch)
        receipt = self._commit(
            [examine(one.topic, one.payload, one.properties) for one in batch], ending
        )
        self._in_hand = 0
        if receipt is None:
            self._change(unsettled=len(batch))
            return
        with self._lock:
            self._stats = self._stats.plus(receipt)
        for answer in receipt.answers:
            connection.publish_retained(topic(answer.rig, "ack"), _payload(answer))
        connection.acknowledge(batch)

    def _commit(self, arrivals: list[Arrival], ending: Ending) -> Receipt | None:
        """Try until it is stored; None where the end comes first."""
        while True:
            began = time.perf_counter()
            try:
                receipt = self._store.commit(arrivals)
            except StoreUnavailableError as error:
                self._change(store_waits=1)
                self._say(f"{error}; trying again")
            else:
                self._note(receipt, time.perf_counter() - began)
                self._store_waits.reset()
                self._say(COLLECTING)
                return receipt
            if ending.left_s == 0.0:
                return None
            ending.pause(self._store_waits.next_s())

    def _note(self, receipt: Receipt, seconds: float) -> None:
        """Tell whoever watches; a fault of theirs must not keep rigs from their answer."""
        try:
            self._noted(receipt, seconds)
        except Exception as error:
            _log.warning("a commit was not counted: %s: %s", type(error).__name__, error)

    def _change(self, **more: int) -> None:
        """Add to counts, by their names in `Stats`."""
        with self._lock:
            sums = {name: getattr(self._stats, name) + count for name, count in more.items()}
            self._stats = replace(self._stats, **sums)

    def _say(self, state: str) -> None:
        """Show a state, and log it once."""
        if state != self._state:
            _log.log(logging.INFO if state == COLLECTING else logging.WARNING, "%s", state)
        self._state = state


def _gather(connection: Connection, wait_s: float) -> list[Published]:
    """Collect a batch: 200 messages, 50 ms, or until nothing more comes."""
    batch = connection.receive(wait_s, BATCH_MESSAGES)
    size = sum(len(one.payload) for one in batch)
    deadline = time.monotonic() + BATCH_WAIT_S
    while batch and len(batch) < BATCH_MESSAGES and size < BATCH_BYTES:
        quiet_s = max(0.0, min(_QUIET_S, deadline - time.monotonic()))
        more = connection.receive(quiet_s, BATCH_MESSAGES - len(batch))
        if not more:
            break
        batch += more
        size += sum(len(one.payload) for one in more)
    return batch


def _payload(answer: Answer) -> bytes:
    """Watermark or conflict, never both.

    The watermark of a key that came with two contents belongs to the other one: a rig that let
    go by it would lose its own.
    """
    if answer.conflict is not None:
        return json.dumps({"epoch": answer.epoch, "conflict": answer.conflict}).encode()
    told = {"upto": answer.upto, "held": answer.held, "digest": answer.digest}
    return json.dumps({"epoch": answer.epoch, **told}).encode()
