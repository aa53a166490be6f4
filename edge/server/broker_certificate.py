"""When the broker's certificate ends: on that day every rig of the fleet is locked out at once."""

from __future__ import annotations

import socket
import ssl

from edge.delivery.address import BrokerAddress

_PATIENCE_S = 5.0


def certificate_expiry_s(address: BrokerAddress, tls: ssl.SSLContext | None) -> float | None:
    """Ask the broker for its certificate, by a handshake of its own.

    Parameters
    ----------
    address : BrokerAddress
        Where it is.
    tls : SSLContext or None
        From `BrokerAddress.tls_context`; None: it speaks without.

    Returns
    -------
    float or None
        Unix time of its end; None: there is none, or no answer.
    """
    if tls is None:
        return None
    try:
        with (
            socket.create_connection((address.host, address.port), _PATIENCE_S) as plain,
            tls.wrap_socket(plain, server_hostname=address.host) as secure,
        ):
            shown = secure.getpeercert() or {}
    except OSError:
        return None
    ends = shown.get("notAfter")
    return float(ssl.cert_time_to_seconds(ends)) if isinstance(ends, str) else None
