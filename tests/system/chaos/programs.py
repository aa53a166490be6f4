"""Which programs the rounds are for, and how the broker is set up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.conftest import REPOSITORY

_KEEPING = ("persistence ", "autosave_", "max_", "persistent_client_expiration ")


def deployed() -> str:
    """What deploy/mosquitto.conf says of keeping and queueing; ``{folder}`` is where."""
    lines = (REPOSITORY / "deploy" / "mosquitto.conf").read_text().splitlines()
    kept = [line for line in lines if line.startswith(_KEEPING)]
    return "\n".join([*kept, "persistence_location {folder}/"])


@dataclass(frozen=True, slots=True)
class Programs:
    """Which modules are the rig and the server."""

    rig: str
    server: Callable[[str, str], list[str]]


OURS = Programs(
    "tests.system.chaos.lean_rig",
    lambda broker, database: ["edge.cli.main", "collect", "--broker", broker, "--db", database],
)
PEERS = Programs(
    "tests.system.chaos.peer_rig",
    lambda broker, database: ["tests.system.chaos.peer_server", broker, database],
)
