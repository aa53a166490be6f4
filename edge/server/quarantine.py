"""How much of what is no message is kept: a broken or hostile sender must not fill the disk.

A thing with a key may be a message after all, for a later version: it is kept whole, and goes with
what is old. One without a key, or larger than any message, never is: it is kept for a person to
look at.
"""

from __future__ import annotations

from edge.messages import MAX_MESSAGE_BYTES
from edge.server.upkeep import Ask

SAMPLE_BYTES = 1 << 16
"""Of a thing that can never be a message so much is kept, from its beginning."""
MOST_NAMELESS = 10_000
"""Things without a key; the oldest go."""


def sample(payload: bytes, *, named: bool) -> tuple[bytes, str]:
    """What to keep of a payload, and what to add to the line that says why."""
    if len(payload) <= (MAX_MESSAGE_BYTES if named else SAMPLE_BYTES):
        return payload, ""
    return payload[:SAMPLE_BYTES], f"; of {len(payload)} bytes the first {SAMPLE_BYTES} are kept"


def trim(ask: Ask) -> int:
    """Let the oldest things without a key go where there are too many; returns how many went."""
    return ask(
        """DELETE FROM quarantine WHERE seq IS NULL AND id <= (
            SELECT id FROM quarantine WHERE seq IS NULL
            ORDER BY id DESC LIMIT 1 OFFSET {most})""",
        {"most": MOST_NAMELESS},
    ).rowcount
