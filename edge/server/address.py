"""Where a broker is and how to speak to it, read from a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from edge.errors import BadUse

Protocol = Literal["5", "3.1.1"]

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_EXAMPLE = "give mqtt://host:1883 or mqtts://user:password@host:8883"
_FILES = ("ca_file", "cert_file", "key_file")
_OPTIONS = ("protocol", "password_file", *_FILES)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker as its URL names it.

    Attributes
    ----------
    host, port
        Where it listens.
    tls : bool
        ``mqtts``: encrypted, the broker's certificate is checked.
    username, password : str or None
        How to log in.
    protocol : {"5", "3.1.1"} or None
        MQTT version; None: 5, and 3.1.1 where the broker says that it can't.
    ca_file, cert_file, key_file : str or None
        PEM files: authority to trust (None: the system's), client certificate and its key.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    protocol: Protocol | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    def __str__(self) -> str:
        """URL without secrets, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse_broker_url(url: str) -> BrokerAddress:
    """Read ``mqtt[s]://[user[:password]@]host[:port][?option=value&…]``.

    Options are `protocol` (5 or 3.1.1), `password_file` (its first line, so that no password
    stands in a list of processes), and with TLS `ca_file`, `cert_file` and `key_file`.

    Raises
    ------
    edge.errors.BadUse
        It is no such URL; the line never holds the password.
    """
    named = _without_secret(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUse(f"broker {named!r}: {error}; {_EXAMPLE}") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/"):
        raise BadUse(f"broker {named!r} is no broker URL: {_EXAMPLE}")
    options = _options(parts.query, named)
    tls = parts.scheme == "mqtts"
    if not tls and options.keys() & set(_FILES):
        raise BadUse(f"broker {named!r}: certificates need mqtts://")
    if ("cert_file" in options) != ("key_file" in options):
        raise BadUse(f"broker {named!r}: cert_file and key_file go together")
    return BrokerAddress(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=tls,
        username=None if parts.username is None else unquote(parts.username),
        password=_password(parts.password, options.get("password_file"), named),
        protocol=_protocol(options.get("protocol"), named),
        ca_file=options.get("ca_file"),
        cert_file=options.get("cert_file"),
        key_file=options.get("key_file"),
    )


def _without_secret(url: str) -> str:
    """Leave out everything between the first colon of the login and the last @."""
    return re.sub(r"^([^:]*://[^:@/]*):.*@", r"\1@", url)


def _options(query: str, named: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in _OPTIONS:
            raise BadUse(f"broker {named!r}: no option {name!r}, there are {', '.join(_OPTIONS)}")
    return options


def _password(written: str | None, file: str | None, named: str) -> str | None:
    if file is None:
        return None if written is None else unquote(written)
    try:
        lines = Path(file).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadUse(f"broker {named!r}: password_file {file}: {error}") from None
    if not lines:
        raise BadUse(f"broker {named!r}: password_file {file} is empty")
    return lines[0]


def _protocol(text: str | None, named: str) -> Protocol | None:
    match text:
        case None:
            return None
        case "5" | "3.1.1":
            return text
        case _:
            raise BadUse(f"broker {named!r}: protocol {text!r}, there are 5 and 3.1.1")
