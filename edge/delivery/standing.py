"""How a running rig's link stands, in a small file beside its outbox, for whoever asks the rig.

At a broker that gives each login one session, asking the broker itself would end the rig's.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from edge.delivery.address import BrokerAddress
from edge.errors import Failed
from edge.messages.utc import format_utc_ns
from edge.outfile import write_whole

FILE_NAME = "link.json"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a link stands.

    Attributes
    ----------
    broker : str
        Where to, without a password.
    state : str
        See `edge.delivery.link.UplinkStats`.
    protocol : str
        MQTT version in use.
    error : str
        What is wrong, in one line; "" where nothing is.
    since_utc : str
        Since when.
    """

    broker: str
    state: str
    protocol: str
    error: str
    since_utc: str

    @classmethod
    def read(cls, state_dir: Path) -> Self | None:
        """Read what the rig of this folder has noted; None where it has not, or it is damaged."""
        try:
            found = json.loads((state_dir / FILE_NAME).read_text(encoding="utf-8"))
            return cls(**{name: str(value) for name, value in found.items()})
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return None


class StandingFile:
    """Notes how a link stands, where that has changed.

    Parameters
    ----------
    state_dir : Path
    broker : BrokerAddress
    """

    def __init__(self, state_dir: Path, broker: BrokerAddress) -> None:
        self._path = state_dir / FILE_NAME
        self._broker = str(broker)
        self._noted: tuple[str, str, str] | None = None

    def note(self, state: str, protocol: str, error: str) -> None:
        """Note this; a disk that does not take it is no reason to end a delivery."""
        if self._noted == (state, protocol, error):
            return
        self._noted = (state, protocol, error)
        now = format_utc_ns(time.time_ns())
        standing = Standing(self._broker, state, protocol, error, now)
        with suppress(Failed):
            write_whole(self._path, json.dumps(asdict(standing)).encode())
