"""Where the rig's broker is and how to log in; secrets stay out of the URL."""

from __future__ import annotations

import difflib
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from edge.errors import BadUse, Failed
from edge.secretfile import read_secret

ProtocolVersion = Literal["5", "3.1.1"]

USERNAME_VARIABLE = "COSMIC_EDGE_MQTT_USERNAME"
PASSWORD_VARIABLE = "COSMIC_EDGE_MQTT_PASSWORD"  # noqa: S105 - the name of the variable
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_EXAMPLE = "give mqtt://host:1883 or mqtts://host:8883"
_FILES = ("ca_file", "cert_file", "key_file")
_OPTIONS = ("protocol", "password_file", *_FILES)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker, and how to speak to it.

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
    ca_file, cert_file, key_file : Path or None
        PEM files: authority to trust (None: the system's), client certificate and its key.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    protocol: ProtocolVersion | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def parse(
        cls,
        url: str,
        *,
        username: str | None = None,
        password_file: Path | None = None,
        ca_file: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> BrokerAddress:
        """Read ``mqtt[s]://[user@]host[:port][?option=value&…]``.

        Options are `protocol` (5 or 3.1.1), `password_file`, and with TLS `ca_file`, `cert_file`
        and `key_file`. The environment's COSMIC_EDGE_MQTT_USERNAME and COSMIC_EDGE_MQTT_PASSWORD
        come before the URL, the URL before `username`, `password_file` and `ca_file`.

        Raises
        ------
        edge.errors.BadUse
            It is no such URL, it holds a password (a list of processes would show it), or the
            password file is missing, empty or readable by others; the line never holds a password.
        """
        parts, options = _read(url)
        named = _without_secret(url)
        tls = parts.scheme == "mqtts"
        user = environ.get(USERNAME_VARIABLE) or unquote(parts.username or "") or username
        secret_file = options.get("password_file") or password_file
        password = environ.get(PASSWORD_VARIABLE) or None  # set to nothing: not set
        if password is None and secret_file is not None:
            password = read_secret(Path(secret_file), "password")
        if password is not None and not user:
            raise BadUse(f"broker {named!r}: a password needs a username ({USERNAME_VARIABLE})")
        return cls(
            host=str(parts.hostname),
            port=parts.port or _PORTS[parts.scheme],
            tls=tls,
            username=user or None,
            password=password,
            protocol=_protocol(options.get("protocol"), named),
            ca_file=_path(options.get("ca_file")) or (ca_file if tls else None),
            cert_file=_path(options.get("cert_file")),
            key_file=_path(options.get("key_file")),
        )

    def __str__(self) -> str:
        """URL without secrets, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext | None:
        """How to check the broker's certificate; None without TLS.

        Raises
        ------
        edge.errors.Failed
            A certificate file can't be read.
        """
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise Failed(f"broker {self}: can't read the certificates: {error}") from None
        return context


def check_broker_url(url: str) -> None:
    """Look at all that can be known from the URL alone, without a look at the files it names.

    Raises
    ------
    edge.errors.BadUse
        `BrokerAddress.parse` would not take it; the line never holds a password.
    """
    _read(url)


class _Parts:
    """Pieces of a URL, its port checked."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self.scheme, self.query, self.path = split.scheme, split.query, split.path
        self.username, self.password = split.username, split.password
        self.hostname, self.port = split.hostname, split.port
        self.fragment = split.fragment


def _read(url: str) -> tuple[_Parts, dict[str, str]]:
    parts = _split(url)
    named = _without_secret(url)
    options = _options(parts.query, named)
    if parts.scheme != "mqtts" and options.keys() & set(_FILES):
        raise BadUse(f"broker {named!r}: certificates need mqtts://")
    if ("cert_file" in options) != ("key_file" in options):
        raise BadUse(f"broker {named!r}: cert_file and key_file go together")
    _protocol(options.get("protocol"), named)
    return parts, options


def _split(url: str) -> _Parts:
    named = _without_secret(url)
    try:
        parts = _Parts(url)
    except ValueError as error:
        raise BadUse(f"broker {named!r}: {error}; {_EXAMPLE}") from None
    host_is_good = bool(parts.hostname) and not re.search(r"[\s\\]", parts.hostname or " ")
    if parts.scheme not in _PORTS or not host_is_good or parts.path.strip("/") or parts.fragment:
        raise BadUse(f"broker {named!r} is no broker URL: {_EXAMPLE}")
    if parts.port == 0:
        raise BadUse(f"broker {named!r}: there is no port 0; {_EXAMPLE}")
    if parts.password is not None:
        raise BadUse(
            f"broker {named!r}: a password in a URL can be read by everyone; put it into "
            f"{PASSWORD_VARIABLE} or a password_file"
        )
    return parts


def _without_secret(url: str) -> str:
    """Leave out everything between the first colon of the login and the last @."""
    return re.sub(r"^([^:]*://[^:@/]*):.*@", r"\1@", url, flags=re.DOTALL)


def _options(query: str, named: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in _OPTIONS:
            near = difflib.get_close_matches(name, _OPTIONS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_OPTIONS)}"
            raise BadUse(f"broker {named!r}: no option {name!r}; {hint}")
    return options


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _protocol(text: str | None, named: str) -> ProtocolVersion | None:
    match text:
        case None:
            return None
        case "5" | "3.1.1":
            return text
        case _:
            raise BadUse(f"broker {named!r}: protocol {text!r}, there are 5 and 3.1.1")
