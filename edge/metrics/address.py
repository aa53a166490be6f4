"""Where metrics are offered: ``[HOST:]PORT``, on this computer alone where no host is said."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge.errors import BadUse

LOOPBACK = "127.0.0.1"
_HOST = r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]"
_FORM = re.compile(rf"(?:(?P<host>{_HOST}):)?(?P<port>[0-9]{{1,5}})")


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on; port 0 is any free one."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Where a person finds the metrics."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/metrics"

    @classmethod
    def parse(cls, text: str) -> Listen:
        """Read ``9101``, ``0.0.0.0:9101`` or ``[::1]:9101``.

        Raises
        ------
        edge.errors.BadUse
            It is none of these.
        """
        found = _FORM.fullmatch(text)
        if found is None or int(found["port"]) > 65_535:
            raise BadUse(f"metrics {text!r}: give [HOST:]PORT, such as 9101 or 0.0.0.0:9101")
        return cls((found["host"] or LOOPBACK).strip("[]"), int(found["port"]))
