"""A short conversation with a broker, for commands: connect, say, listen, go."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator

from edge.delivery.address import BrokerAddress, ProtocolVersion
from edge.delivery.asking import await_answer, says_no_mqtt_5
from edge.delivery.link import refusal, unreachable
from edge.delivery.transport import Connected, Refused, Transport, Waker
from edge.errors import Failed


@contextlib.contextmanager
def talking(broker: BrokerAddress, purpose: str, timeout_s: float) -> Iterator[Transport]:
    """Connect with a session of its own, which ends with the conversation.

    Parameters
    ----------
    broker : BrokerAddress
    purpose : str
        Part of the client's name.
    timeout_s : float
        Longest wait for the broker's answer.

    Raises
    ------
    Failed
        There is no broker, or it does not let us in.
    """
    protocols: list[ProtocolVersion] = [broker.protocol] if broker.protocol else ["5", "3.1.1"]
    with contextlib.closing(Waker()) as waker:
        transport = _connect(broker, protocols, purpose, waker, timeout_s)
        try:
            yield transport
        finally:
            transport.close(orderly=True)


def _connect(
    broker: BrokerAddress,
    protocols: list[ProtocolVersion],
    purpose: str,
    waker: Waker,
    timeout_s: float,
) -> Transport:
    for protocol in protocols:
        transport = Transport(
            broker,
            protocol=protocol,
            client_id=f"cosmic-edge-{purpose}-{secrets.token_hex(8)}",
            tls=broker.tls_context(),
            waker=waker,
        )
        try:
            transport.open()
            answer = await_answer(transport, timeout_s, lambda: False)
        except (OSError, ValueError) as error:
            transport.close(orderly=False)
            raise Failed(unreachable(broker, error)) from None
        except BaseException:
            transport.close(orderly=False)
            raise
        if isinstance(answer, Connected):
            return transport
        transport.close(orderly=True)
        # The next one only on the broker's word that it speaks no MQTT 5.
        if isinstance(answer, Refused) and not (says_no_mqtt_5(answer) and len(protocols) > 1):
            raise Failed(refusal(broker, answer, protocol))
        if not isinstance(answer, Refused):
            raise Failed(f"broker {broker} gave no answer")
    raise Failed(f"broker {broker} speaks neither MQTT 5 nor 3.1.1")
