"""Asks a rig for something and waits for its answer."""

from __future__ import annotations

import secrets
import time

from edge.delivery.address import BrokerAddress
from edge.delivery.talk import talking
from edge.delivery.transport import Acknowledged, Lost, Received, Subscribed, Transport
from edge.errors import Failed
from edge.messages import MessageError, encode, parse_service, topic
from edge.messages.commands import Command, Reply

_AGAIN_S = 5.0
_TURN_S = 0.2


def ask(broker: BrokerAddress, rig: str, command: Command, timeout_s: float) -> Reply:
    """Ask a rig, again every five seconds, until it answers: by its id it is done once.

    Raises
    ------
    Failed
        There is no broker, it does not let us in or write, or the rig gives no answer in time.
    """
    with talking(broker, "ask", timeout_s) as transport:
        return _Talk(transport, broker, rig, command).until(time.monotonic() + timeout_s)


def command_of(name: str, seed_sigma: float | None) -> Command:
    """A command of its own id; without an end, which a rig that lost its clock could not judge.

    Raises
    ------
    MessageError
        A value is missing, out of bounds, or does not belong there.
    """
    body = {
        "schema": "cosmic-edge/command/1",
        "id": secrets.token_hex(8),
        "name": name,
        "seed_sigma": seed_sigma,
    }
    return parse_service(Command, encode(body))


class _Talk:
    def __init__(
        self, transport: Transport, broker: BrokerAddress, rig: str, command: Command
    ) -> None:
        self._transport = transport
        self._broker = broker
        self._rig = rig
        self._command = command
        self._payload = encode(command.model_dump(by_alias=True))
        self._taken = False

    def until(self, deadline_s: float) -> Reply:
        self._transport.subscribe(topic(self._rig, "reply"))
        next_s = float("inf")
        while time.monotonic() < deadline_s:
            if time.monotonic() >= next_s:
                next_s = time.monotonic() + _AGAIN_S
                self._transport.publish(topic(self._rig, "command"), self._payload)
            for event in self._transport.turn(_TURN_S):
                reply = self._heard(event)
                if reply is not None:
                    return reply
                if isinstance(event, Subscribed):
                    next_s = 0.0
        said = "the broker took it, but" if self._taken else "the broker did not take it, and"
        raise Failed(f"{said} rig {self._rig!r} gave no answer; is it there, does it listen?")

    def _heard(self, event: object) -> Reply | None:
        match event:
            case Lost():
                raise Failed(f"connection to {self._broker} lost ({event.text.lower()})")
            case Subscribed(reason=reason) if reason >= 128:
                raise Failed(
                    f"{self._broker} lets this user read no replies ({event.text.lower()})"
                )
            case Acknowledged(reason=reason) if reason >= 128:
                raise Failed(f"{self._broker} lets this user ask nothing ({event.text.lower()})")
            case Acknowledged():
                self._taken = True
            case Received(payload=payload):
                return self._own(payload)
        return None

    def _own(self, payload: bytes) -> Reply | None:
        try:
            reply = parse_service(Reply, payload)
        except MessageError:
            return None
        return reply if reply.id == self._command.id and reply.rig == self._rig else None
