"""Where a CREDO server is: an https:// URL, without secrets and without a query."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.errors import BadUse

_EXAMPLE = "give one like https://api.credo.science/api/v2"
_PORT = 443


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Base of the API.

    Attributes
    ----------
    host : str
    port : int
    path : str
        Without a slash at its end.
    """

    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> ServerAddress:
        """Read a URL.

        Raises
        ------
        BadUse
            It is no https:// URL of an API; the line never holds a password.
        """
        if "@" in url:
            raise BadUse("the CREDO URL must hold no name and no password")
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise BadUse(f"CREDO URL {url!r}: {error}; {_EXAMPLE}") from None
        if parts.scheme == "http":
            raise BadUse(f"CREDO URL {url!r}: http:// would show the token to all; {_EXAMPLE}")
        path = parts.path.rstrip("/")
        good = re.fullmatch(r"[A-Za-z0-9.:_-]+", host) and re.fullmatch(r"[!-~]*", path)
        if parts.scheme != "https" or not good or parts.query or parts.fragment or port == 0:
            raise BadUse(f"CREDO URL {url!r} is no address of an API; {_EXAMPLE}")
        return cls(host.lower(), port or _PORT, path)

    def __str__(self) -> str:
        """URL in one form, by which a server is known."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORT else f":{self.port}"
        return f"https://{host}{port}{self.path}"
