"""Asking a broker that gave no answer, whether it knows MQTT 5 at all.

A broker that knows no MQTT 5 may stumble over such a CONNECT before it has looked at its version,
and never answer. A bare one it can read far enough to say so.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.delivery.address import BrokerAddress
from edge.delivery.link import UNSUPPORTED_PROTOCOL_VERSION
from edge.delivery.transport import Connected, Lost, Refused, Transport, Waker

if TYPE_CHECKING:
    import ssl

_LONGEST_TURN_S = 0.5


def await_answer(
    transport: Transport, timeout_s: float, given_up: Callable[[], bool]
) -> Connected | Refused | Lost | None:
    """Wait for the answer to CONNECT; None where none comes in time, or `given_up` says so."""
    deadline = time.monotonic() + timeout_s
    while (left_s := deadline - time.monotonic()) > 0 and not given_up():
        for event in transport.turn(min(_LONGEST_TURN_S, left_s)):
            if isinstance(event, Connected | Refused | Lost):
                return event
    return None


def says_no_mqtt_5(answer: object) -> bool:
    """Whether it is the broker's word that it speaks no MQTT 5; a silence may be anything."""
    return isinstance(answer, Refused) and answer.reason == UNSUPPORTED_PROTOCOL_VERSION


def ask_plainly(
    address: BrokerAddress,
    client_id: str,
    *,
    tls: ssl.SSLContext | None,
    waker: Waker,
    timeout_s: float,
    given_up: Callable[[], bool],
) -> bool:
    """Send one bare CONNECT of MQTT 5; whether the broker answers that it speaks none.

    Parameters
    ----------
    address : BrokerAddress
        Whom to ask; login and last will are left out.
    client_id : str
        Name at the broker. A session of that name ends: no name of one that is to be kept.
    tls : SSLContext or None
        From `BrokerAddress.tls_context`.
    waker : Waker
        Ends a wait early, to look at `given_up`.
    timeout_s : float
        Longest wait for the answer.
    given_up : callable
        Whether nobody wants to know any more.
    """
    transport = Transport(
        address, protocol="5", client_id=client_id, tls=tls, waker=waker, login=False
    )
    try:
        # Who is not even there has said nothing; the next attempt to connect says why.
        with contextlib.suppress(OSError, ValueError):
            transport.open()
            return says_no_mqtt_5(await_answer(transport, timeout_s, given_up))
        return False
    finally:
        transport.close(orderly=True)
