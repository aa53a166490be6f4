"""How the link to the broker stands, and its faults in one line each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from edge.delivery.address import BrokerAddress
from edge.delivery.transport import Lost, Refused
from edge.messages.utc import format_utc_ns

LinkState = Literal["offline", "connecting", "connected", "refused", "stopped"]
UNSUPPORTED_PROTOCOL_VERSION = 132
_SESSION_TAKEN_OVER = 142
_CERT_NOT_YET_VALID = 9
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID."""


@dataclass(frozen=True, slots=True)
class UplinkStats:
    """How the uplink stands.

    Attributes
    ----------
    state : str
        offline, connecting, connected, refused or stopped.
    connected : bool
        A broker has let us in.
    protocol : str
        MQTT version in use: "5" or "3.1.1".
    published : int
        Hits the broker has taken, each counted once.
    acknowledged : int
        Hits let go since the start.
    in_flight : int
        Publishes without a PUBACK.
    resent : int
        Messages sent more than once, each time counted.
    connections, reconnects : int
        How often a broker has let us in, and how often after the first time.
    refused : int
        Messages set aside because the broker or server would not take them.
    restarts : int
        How often the network thread had to be begun anew.
    last_error : str
        What is wrong, in one line; "" where nothing is.
    """

    state: LinkState = "offline"
    connected: bool = False
    protocol: str = "5"
    published: int = 0
    acknowledged: int = 0
    in_flight: int = 0
    resent: int = 0
    connections: int = 0
    reconnects: int = 0
    refused: int = 0
    restarts: int = 0
    last_error: str = ""


def is_too_early(error: Exception) -> bool:
    """Whether a certificate's time has not begun: the clock of a computer that just started."""
    return getattr(error, "verify_code", None) == _CERT_NOT_YET_VALID


def unreachable(broker: BrokerAddress, error: Exception) -> str:
    """Say that no connection came about."""
    verify = getattr(error, "verify_message", None)
    if is_too_early(error):
        now = format_utc_ns(time.time_ns())[:16]
        return (
            f"broker {broker}: its certificate is not valid yet, and it is {now}Z to this "
            "computer: waiting for its clock to be set"
        )
    if verify is not None:
        return (
            f"broker {broker}: its certificate is not trusted ({verify}); "
            "name its authority with ca_file, or with ?ca_file=FILE in the broker's URL"
        )
    return f"no broker at {broker}: {getattr(error, 'strerror', None) or error}"


def refusal(broker: BrokerAddress, answer: Refused, protocol: str) -> str:
    """Say that the broker answered with a no."""
    hint = ""
    if answer.reason in (134, 135, 138, 140):
        hint = "; look at the rig's username and password, and at the broker's users"
    elif answer.reason == UNSUPPORTED_PROTOCOL_VERSION:
        hint = f"; it speaks no MQTT {protocol}"
    return f"broker {broker} refuses the rig: {answer.text.lower()}{hint}"


def ended(broker: BrokerAddress, event: Lost, rig: str) -> str:
    """Say that a connection came to its end."""
    if event.reason == _SESSION_TAKEN_OVER:
        return f"another client says at {broker} that it is rig {rig!r}; give each its own name"
    said = f" ({event.text.lower()})" if event.reason else ""
    return f"connection to {broker} lost{said}"
