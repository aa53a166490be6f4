"""The uplink: takes messages from the outbox to the broker until the server has them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from edge import __version__
from edge.delivery.address import BrokerAddress, ProtocolVersion
from edge.delivery.asking import ask_plainly, await_answer, says_no_mqtt_5
from edge.delivery.backoff import FullJitter
from edge.delivery.beside import Commanded
from edge.delivery.courier import AckMode, Courier
from edge.delivery.link import (
    LinkState,
    UplinkStats,
    ended,
    is_too_early,
    refusal,
    unreachable,
)
from edge.delivery.outbox import Outbox
from edge.delivery.resend import Ledger
from edge.delivery.standing import StandingFile
from edge.delivery.transport import Connected, Lost, Refused, Transport, Waker, Will
from edge.messages import Health, MessageError, Status, encode, format_utc_ns, parse_service, topic

_LOG = logging.getLogger(__name__)

MAX_CALIBRATION_BYTES = 65_536
_LONGEST_TURN_S = 0.5
_CONNACK_TIMEOUT_S = 10.0
_LASTING_S = 10.0
_NOTE_EVERY_S = 1.0
_OF_THE_RIG = ("clock", "disk")
"""Hinder the delivery, and are no fault of the link."""
_TOO_EARLY_S = 10.0
_GOODBYE_S = 2.0


class Uplink:
    """Delivers an outbox to a broker from a thread of its own; outages are its daily life.

    Parameters
    ----------
    outbox : Outbox
        What is owed; stays the caller's to close, after `stop`.
    broker : BrokerAddress
        Where to.
    rig : str
        Name of the rig, as in the outbox.
    ack : {"server", "broker"}
        Whose word lets a message go: the server's watermark, or the broker's PUBACK where no
        server answers.
    ack_timeout_s : float
        Wait for that word before a message is sent again; doubles to 600 s.
    clock : callable
        Seconds that only rise; for tests.
    backoff : FullJitter, optional
        Waits between attempts to connect.
    commanded : callable, optional
        Takes what the server asks of the rig; None: it does not listen.

    Raises
    ------
    edge.errors.Failed
        A certificate file of the broker's address can't be read.
    """

    def __init__(
        self,
        outbox: Outbox,
        broker: BrokerAddress,
        rig: str,
        *,
        ack: AckMode = "server",
        ack_timeout_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        backoff: FullJitter | None = None,
        commanded: Commanded | None = None,
    ) -> None:
        self._outbox = outbox
        self._broker = broker
        self._rig = rig
        self._client_id = f"cosmic-edge-{rig}"
        self._ack: AckMode = ack
        self._clock = clock
        self._backoff = backoff or FullJitter()
        self._tls = broker.tls_context()
        self._protocol: ProtocolVersion = broker.protocol or "5"
        self._state: LinkState = "offline"
        self._error = ""
        self._ask_plainly = False
        self._connections = 0
        self._restarts = 0
        self._stopping = threading.Event()
        self._settled = threading.Condition()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waker = Waker()
        self._standing = StandingFile(outbox.path.parent, broker)
        self._noted_s = float("-inf")
        self._courier = Courier(
            outbox,
            ack,
            Ledger(ack_timeout_s),
            status=lambda: self._status("online"),
            progress=self._notify,
            commanded=commanded,
        )

    def start(self) -> None:
        """Begin to deliver; returns at once, whether or not there is a broker."""
        with self._starting:
            if self._thread is None and not self._stopping.is_set():
                self._standing.note("connecting", self._protocol, "")
                self._begin_thread()

    def wake(self) -> None:
        """Say that the outbox has something new; callable from any thread."""
        self._watch_thread()
        self._waker.wake()

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is owed any more; False where that takes longer.

        What waits for the clock is not waited for: it goes out at the next start.
        """
        self.wake()
        with self._settled:
            self._settled.wait_for(self._has_drained, timeout_s)
        return self._outbox.is_empty

    def _has_drained(self) -> bool:
        only_late = self._outbox.waits_for_clock and not self._courier.unconfirmed
        return self._outbox.is_empty or only_late

    def stop(self, timeout_s: float = 5.0) -> None:
        """Say goodbye, if there is a connection, and end; idempotent."""
        self._stopping.set()
        self._waker.wake()
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        if thread is None or not thread.is_alive():
            self._waker.close()
            self._state = "stopped"
            self._standing.note("stopped", self._protocol, "")

    def publish_health(self, values: Mapping[str, Any]) -> None:
        """Publish how the rig is doing: ``counters``, ``gauges``, ``notes``; the newest counts.

        Rig, session and time are added. What is no health message is logged and left out: a
        wrong gauge must not end a run.
        """
        message = {
            "schema": "cosmic-edge/health/1",
            "rig": self._rig,
            "session": self._outbox.session,
            "time_utc": format_utc_ns(time.time_ns()),
            **values,
        }
        try:
            payload = encode(message)
            parse_service(Health, payload)
        except MessageError as error:
            _LOG.warning("health is not published: %s", error)
            return
        self._keep("health", payload)

    def publish_reply(self, payload: bytes) -> None:
        """Answer a command; sent when there is a connection."""
        self._courier.reply(payload)
        self.wake()

    def publish_calibration_current(self, payload: bytes) -> None:
        """Publish the calibration in use, retained; at most 64 kB.

        Raises
        ------
        ValueError
            It is larger.
        """
        if len(payload) > MAX_CALIBRATION_BYTES:
            raise ValueError(f"calibration of {len(payload)} bytes is over {MAX_CALIBRATION_BYTES}")
        self._keep("calibration/current", payload)

    @property
    def stats(self) -> UplinkStats:
        """How it stands now."""
        self._watch_thread()
        courier, state = self._courier, self._state
        errors = [self._error, *courier.faults()]
        return UplinkStats(
            state="refused" if state == "connected" and courier.held else state,
            connected=state == "connected",
            protocol=self._protocol,
            published=courier.published,
            acknowledged=self._outbox.hits_acknowledged,
            in_flight=courier.in_flight,
            resent=courier.resent,
            connections=self._connections,
            reconnects=max(0, self._connections - 1),
            refused=courier.refused,
            restarts=self._restarts,
            last_error=next((error for error in errors if error), ""),
        )

    # -- the thread ---------------------------------------------------------------------------

    def _begin_thread(self) -> None:
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._thread.start()

    def _watch_thread(self) -> None:
        """Begin the thread anew if it has died, of whatever."""
        thread = self._thread
        if thread is None or thread.is_alive() or self._stopping.is_set():
            return
        with self._starting:
            if self._thread is thread:
                self._restarts += 1
                _LOG.error("the uplink's thread had ended; it begins anew")
                self._begin_thread()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                again_s = self._one_connection()
            except Exception as error:  # a defect must not end the delivery
                self._state = "offline"
                self._error = f"uplink: {type(error).__name__}: {error}"
                self._restarts += 1
                _LOG.exception("uplink")
                again_s = self._backoff.next_s()
            self._stopping.wait(again_s)

    def _one_connection(self) -> float:
        """Connect, deliver until it ends; returns how long to wait before the next attempt."""
        self._state = "connecting"
        if self._ask_plainly:
            return self._ask()
        transport = self._transport()
        try:
            try:
                transport.open()
            except (OSError, ValueError) as error:
                again_s = self._no_connection("offline", unreachable(self._broker, error))
                # The clock may be set at any moment, which no broker has to be spared for.
                return min(again_s, _TOO_EARLY_S) if is_too_early(error) else again_s
            answer = await_answer(transport, _CONNACK_TIMEOUT_S, self._stopping.is_set)
            if isinstance(answer, Connected):
                return self._serve(transport, answer)
            return self._not_let_in(answer)
        finally:
            transport.close(orderly=self._stopping.is_set())
            self._courier.end(self._clock(), hung_up=transport.hung_up)

    def _transport(self) -> Transport:
        will = Will(topic(self._rig, "status"), self._status("offline"))
        return Transport(
            self._broker,
            protocol=self._protocol,
            client_id=self._client_id,
            will=will,
            tls=self._tls,
            waker=self._waker,
        )

    def _not_let_in(self, answer: Refused | Lost | None) -> float:
        if isinstance(answer, Refused):
            if self._can_fall_back(answer):
                return self._fall_back()
            return self._no_connection("refused", refusal(self._broker, answer, self._protocol))
        self._ask_plainly = self._protocol == "5" and self._broker.protocol is None
        said = "hung up" if isinstance(answer, Lost) else "gave no answer"
        return self._no_connection("offline", f"broker {self._broker} {said} after CONNECT")

    def _ask(self) -> float:
        self._ask_plainly = False
        no_mqtt_5 = ask_plainly(
            self._broker,
            self._client_id,
            tls=self._tls,
            waker=self._waker,
            timeout_s=_CONNACK_TIMEOUT_S,
            given_up=self._stopping.is_set,
        )
        return self._fall_back() if no_mqtt_5 else self._backoff.next_s()

    def _can_fall_back(self, answer: Refused) -> bool:
        """Only the broker's word leads to the older version; a silence may be anything."""
        undecided = self._protocol == "5" and self._broker.protocol is None
        return undecided and says_no_mqtt_5(answer)

    def _fall_back(self) -> float:
        self._protocol = "3.1.1"
        _LOG.info("broker %s speaks no MQTT 5; using 3.1.1", self._broker)
        return 0.0

    def _no_connection(self, state: LinkState, error: str) -> float:
        self._state = state
        if error != self._error:
            _LOG.warning("%s", error)
        self._error = error
        self._standing.note(state, self._protocol, error)
        return self._backoff.next_s()

    def _serve(self, transport: Transport, limits: Connected) -> float:
        began_s, began = self._clock(), (self._outbox.epoch, self._outbox.floor)
        self._courier.begin(transport, limits, began_s)
        self._connections += 1
        self._state = "connected"
        self._error = ""
        _LOG.info("connected to %s with MQTT %s", self._broker, self._protocol)
        error = self._deliver(transport)
        # Short as it was, a connection that brought something home was a good one.
        if self._clock() - began_s >= _LASTING_S or began != (
            self._outbox.epoch,
            self._outbox.floor,
        ):
            self._backoff.reset()
        return self._no_connection("offline", error) if error else 0.0

    def _deliver(self, transport: Transport) -> str:
        """Deliver until the connection ends; returns why, "" where `stop` was called."""
        courier = self._courier
        while True:
            now_s = self._clock()
            courier.pump(now_s)
            self._note(now_s)
            if self._stopping.is_set():
                self._say_goodbye(transport)
                return ""
            wait_s = min(_LONGEST_TURN_S, max(0.02, courier.wait_s(now_s)))
            for event in transport.turn(wait_s):
                if isinstance(event, Lost):
                    return ended(self._broker, event, self._rig)
                courier.handle(event, self._clock())
            if courier.stalled(self._clock()):
                return f"broker {self._broker} owes a PUBACK for too long; connecting anew"

    def _say_goodbye(self, transport: Transport) -> None:
        status = self._status("stopped")
        mid = transport.publish(topic(self._rig, "status"), status, retain=True)
        deadline = time.monotonic() + _GOODBYE_S
        while mid is not None and time.monotonic() < deadline:
            for event in transport.turn(_LONGEST_TURN_S):
                self._courier.handle(event, self._clock())
                if isinstance(event, Lost) or getattr(event, "mid", None) == mid:
                    return

    # -- small things -------------------------------------------------------------------------

    def _keep(self, name: str, payload: bytes) -> None:
        self._courier.keep(name, payload)
        self.wake()

    def _note(self, now_s: float) -> None:
        if now_s - self._noted_s < _NOTE_EVERY_S:
            return
        self._noted_s = now_s
        stats = self.stats
        errors = [self._error, *self._courier.faults(without=_OF_THE_RIG)]
        self._standing.note(stats.state, stats.protocol, next(filter(None, errors), ""))

    def _notify(self) -> None:
        with self._settled:
            self._settled.notify_all()

    def _status(self, state: Literal["online", "stopped", "offline"]) -> bytes:
        status = Status(
            rig=self._rig,
            state=state,
            session=self._outbox.session,
            epoch=self._outbox.epoch,
            ack=self._ack,
            # When the broker will lose the rig, nobody knows yet.
            since_utc=None if state == "offline" else format_utc_ns(time.time_ns()),
            software=f"cosmic-edge {__version__}",
        )
        return encode(status.model_dump(by_alias=True))
