"""One simulated rig: a real outbox and courier, turned from outside instead of by a thread."""

from __future__ import annotations

import random
import ssl
from pathlib import Path
from typing import Literal

from edge import __version__
from edge.delivery import BrokerAddress, Outbox
from edge.delivery.backoff import FullJitter
from edge.delivery.courier import Courier
from edge.delivery.link import refusal, unreachable
from edge.delivery.resend import Ledger
from edge.delivery.transport import Connected, Lost, Refused, Transport, Waker, Will
from edge.messages import Status, encode, topic

_ANSWER_S = 30.0
_LAST_WAIT_S = 60.0


class FleetRig:
    """A rig without a camera.

    Parameters
    ----------
    name : str
    folder : Path
        Its state folder.
    broker : BrokerAddress
    tls : SSLContext or None
    ack_timeout_s : float
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        broker: BrokerAddress,
        tls: ssl.SSLContext | None,
        ack_timeout_s: float,
    ) -> None:
        self.outbox = Outbox.open(folder, name)
        self.error = ""
        self.connections = 0
        self._name, self._broker, self._tls = name, broker, tls
        self._backoff = FullJitter(1.0, _LAST_WAIT_S, random.Random(name))  # noqa: S311
        self._transport: Transport | None = None
        self._protocol = broker.protocol or "5"
        self._waker = Waker()
        self._serving = False
        self._next_s = 0.0
        self._courier = Courier(
            self.outbox,
            "server",
            Ledger(ack_timeout_s),
            status=lambda: self._status("online"),
            progress=lambda: None,
        )

    @property
    def connected(self) -> bool:
        """Whether a broker has let it in."""
        return self._serving

    @property
    def resent(self) -> int:
        """Messages sent again, each time counted."""
        return self._courier.resent

    def turn(self, now_s: float) -> None:
        """Do what is due, without waiting."""
        if self._transport is None:
            if now_s >= self._next_s:
                self._connect(now_s)
            return
        for event in self._transport.turn(0.0):
            match event:
                case Connected():
                    self._serving = True
                    self.connections += 1
                    self._courier.begin(self._transport, event, now_s)
                case Refused():
                    self._fail(refusal(self._broker, event, self._protocol), now_s)
                    return
                case Lost():
                    self._fail(f"connection lost ({event.text.lower()})", now_s)
                    return
                case _:
                    self._courier.handle(event, now_s)
        if self._serving:
            self._courier.pump(now_s)
            if self._courier.stalled(now_s):
                self._fail("the broker owes a PUBACK for too long", now_s)
        elif now_s >= self._next_s:
            self._fail("the broker gave no answer", now_s)

    def cut(self, now_s: float, away_s: float) -> None:
        """Lose the connection, as a cable does, for some time."""
        self._end(now_s, orderly=False)
        self._next_s = now_s + away_s

    def close(self, now_s: float) -> None:
        """End in order."""
        if self._serving and self._transport is not None:
            self._transport.publish(
                topic(self._name, "status"), self._status("stopped"), retain=True
            )
            self._transport.turn(0.0)
        self._end(now_s, orderly=True)
        self._waker.close()
        self.outbox.close()

    def _connect(self, now_s: float) -> None:
        self._transport = Transport(
            self._broker,
            protocol=self._protocol,
            client_id=f"cosmic-edge-{self._name}",
            will=Will(topic(self._name, "status"), self._status("offline")),
            tls=self._tls,
            waker=self._waker,
        )
        self._next_s = now_s + _ANSWER_S
        try:
            self._transport.open()
        except (OSError, ValueError) as error:
            self._fail(unreachable(self._broker, error), now_s)

    def _fail(self, why: str, now_s: float) -> None:
        self.error = why
        self._end(now_s, orderly=False)
        self._next_s = now_s + self._backoff.next_s()

    def _end(self, now_s: float, *, orderly: bool) -> None:
        if self._transport is None:
            return
        self._transport.close(orderly=orderly)
        self._transport, self._serving = None, False
        self._courier.end(now_s)

    def _status(self, state: Literal["online", "stopped", "offline"]) -> bytes:
        status = Status(
            rig=self._name,
            state=state,
            session=self.outbox.session,
            epoch=self.outbox.epoch,
            ack="server",
            software=f"cosmic-edge {__version__} fleet",
        )
        return encode(status.model_dump(by_alias=True))
