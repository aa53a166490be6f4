"""Listens to what rigs' status topics say, last wills among them, and to the broker's own counts.

An ordinary subscription: a shared one is not given what the broker has retained.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time

from edge.delivery.address import BrokerAddress, ProtocolVersion
from edge.delivery.asking import await_answer, says_no_mqtt_5
from edge.delivery.backoff import FullJitter
from edge.delivery.link import refusal, unreachable
from edge.delivery.transport import Connected, Lost, Received, Refused, Subscribed, Transport, Waker
from edge.messages import MessageError, Status, parse_service, split_topic, topic
from edge.server.broker_certificate import certificate_expiry_s

BROKER_COUNTS = {
    "$SYS/broker/clients/connected": "clients_connected",
    "$SYS/broker/publish/messages/dropped": "dropped_messages",
    "$SYS/broker/store/messages/bytes": "stored_message_bytes",
    "$SYS/broker/subscriptions/count": "subscriptions",
    "$SYS/broker/shared_subscriptions/count": "shared_subscriptions",
}
"""What mosquitto tells of itself, and our names for it; another broker tells nothing there."""

_ANSWER_S = 10.0
_TURN_S = 0.5
_QUIET_S = 0.5
_log = logging.getLogger(__name__)


class StatusListener:
    """Keeps the newest status of each rig, from a thread of its own.

    Parameters
    ----------
    broker : BrokerAddress
        Where to listen; its user must be let read ``cosmic-edge/v1/+/status``.
    """

    def __init__(self, broker: BrokerAddress) -> None:
        self._broker = broker
        self._protocol: ProtocolVersion = broker.protocol or "5"
        self._tls = broker.tls_context()
        self._lock = threading.Lock()
        self._statuses: dict[str, Status] = {}
        self._counts: dict[str, int] = {}
        self._ailment = "not connected yet"
        self._certificate_expiry_s: float | None = None
        self._waker = Waker()
        self._stopping = threading.Event()
        self._subscribed = threading.Event()
        self._heard_s = time.monotonic()
        self._waits = FullJitter(0.5, 30.0)
        self._thread = threading.Thread(target=self._work, name="statuses", daemon=True)

    @property
    def statuses(self) -> dict[str, Status]:
        """The newest status of each rig; of a broker that is away, the last that was heard."""
        with self._lock:
            return dict(self._statuses)

    @property
    def counts(self) -> dict[str, int]:
        """The broker's counts by our names; empty while there is no connection."""
        with self._lock:
            return {} if self._ailment else dict(self._counts)

    @property
    def certificate_expiry_s(self) -> float | None:
        """Unix time at which the broker's certificate ends; None: unknown, or it has none."""
        return self._certificate_expiry_s

    @property
    def ailment(self) -> str:
        """Why nothing is heard; "" while all is well."""
        return self._ailment

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End; idempotent."""
        self._stopping.set()
        self._waker.wake()
        if self._thread.is_alive():
            self._thread.join(_ANSWER_S)

    def settle(self, timeout_s: float) -> bool:
        """Wait until what the broker has retained has come; False where it did not in time."""
        deadline = time.monotonic() + timeout_s
        if not self._subscribed.wait(timeout_s):
            return False
        while time.monotonic() < deadline and time.monotonic() - self._heard_s < _QUIET_S:
            time.sleep(0.05)
        return True

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except Exception as error:  # it must not end without a word
                self._fail(f"internal error: {type(error).__name__}: {error}")
            self._stopping.wait(self._waits.next_s())
        self._waker.close()

    def _listen(self) -> None:
        transport = Transport(
            self._broker,
            protocol=self._protocol,
            client_id=f"cosmic-edge-watch-{secrets.token_hex(8)}",
            tls=self._tls,
            waker=self._waker,
        )
        try:
            if self._let_in(transport):
                self._hear(transport)
        finally:
            transport.close(orderly=True)

    def _let_in(self, transport: Transport) -> bool:
        try:
            transport.open()
        except (OSError, ValueError) as error:
            self._fail(unreachable(self._broker, error))
            return False
        answer = await_answer(transport, _ANSWER_S, self._stopping.is_set)
        if says_no_mqtt_5(answer) and self._broker.protocol is None:
            self._protocol = "3.1.1"
        elif isinstance(answer, Refused):
            self._fail(refusal(self._broker, answer, self._protocol))
        elif not isinstance(answer, Connected):
            self._fail(f"broker {self._broker} gave no answer")
        else:
            return True
        return False

    def _hear(self, transport: Transport) -> None:
        for name in (topic("+", "status"), *BROKER_COUNTS):
            transport.subscribe(name)
        while not self._stopping.is_set():
            for event in transport.turn(_TURN_S):
                match event:
                    case Received():
                        self._take(event)
                    case Subscribed(topic=name) if name not in BROKER_COUNTS:
                        if event.reason >= 128:
                            self._fail(f"{self._broker} lets this user read no status")
                            return
                        self._well()
                    case Lost():
                        self._fail(f"connection to {self._broker} lost ({event.text.lower()})")
                        return

    def _take(self, event: Received) -> None:
        self._heard_s = time.monotonic()
        if event.topic in BROKER_COUNTS:
            with contextlib.suppress(ValueError), self._lock:
                self._counts[BROKER_COUNTS[event.topic]] = int(event.payload)
            return
        named = split_topic(event.topic)
        if named is not None and not event.payload:  # somebody took what was retained away
            with self._lock:
                self._statuses.pop(named[0], None)
            return
        try:
            status = parse_service(Status, event.payload)
        except MessageError as error:
            _log.info("%s: %s", event.topic, error)
            return
        if named is None or status.rig != named[0]:
            return
        with self._lock:
            known = self._statuses.get(status.rig)
            # A will of a session before comes late: the rig has begun anew since.
            if known is None or status.session >= known.session:
                self._statuses[status.rig] = status

    def _well(self) -> None:
        self._waits.reset()
        self._heard_s = time.monotonic()
        self._ailment = ""
        self._subscribed.set()
        # At each connection: a new certificate comes with a new start of the broker.
        known = certificate_expiry_s(self._broker, self._tls)
        self._certificate_expiry_s = known or self._certificate_expiry_s

    def _fail(self, why: str) -> None:
        if why != self._ailment and not self._stopping.is_set():
            _log.warning("%s", why)
        self._ailment = why
