"""Topics under ``cosmic-edge/v1/<rig>/``: who writes them, with which QoS, retained or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "cosmic-edge/v1"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of a rig.

    Attributes
    ----------
    name : str
        What follows the rig in the topic.
    writer : {"rig", "server"}
        Who may publish there.
    retain : bool
        The broker keeps the last one.
    summary : str
        What it carries.
    schema : str
        File name of its JSON Schema without the suffix; "" where it has none.
    """

    name: str
    writer: Literal["rig", "server"]
    retain: bool
    summary: str
    schema: str
    qos: int = 1


TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic("hit", "rig", False, "One hit, through the outbox.", "hit-1"),
        Topic("exposure", "rig", False, "One span of exposure, through the outbox.", "exposure-1"),
        Topic("calibration", "rig", False, "A calibration, through the outbox.", "calibration-1"),
        Topic("lost", "rig", False, "Messages that will never come, through the outbox.", "lost-1"),
        Topic("clock", "rig", False, "Boot time to UTC, through the outbox.", "clock-1"),
        Topic("status", "rig", True, "Whether the rig is there; its last will.", "status-1"),
        Topic("health", "rig", True, "How the rig is doing.", "health-1"),
        Topic("calibration/current", "rig", True, "The calibration in use, at most 64 kB.", ""),
        Topic("reply", "rig", False, "Answer to a command.", "reply-1"),
        Topic("ack", "server", True, "The server's watermark, or a conflict.", "ack-1"),
        Topic("command", "server", False, "A request to the rig.", "command-1"),
    )
}
"""Every topic by the name that follows the rig."""


def topic(rig: str, name: str) -> str:
    """Name a topic in full; `rig` may be ``+`` to subscribe to all rigs."""
    return f"{PREFIX}/{rig}/{TOPICS[name].name}"


def split_topic(full: str) -> tuple[str, str] | None:
    """Take a topic apart into rig and name; None where it is none of ours."""
    head, _, rest = full.partition(PREFIX + "/")
    rig, _, name = rest.partition("/")
    if head or not rig or name not in TOPICS:
        return None
    return rig, name
