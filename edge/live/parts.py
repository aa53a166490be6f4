"""What a live session is put together of, and how it looks at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from edge.clock import Clock
from edge.clock.kept import KeptTime
from edge.delivery import Outbox, OutboxWriter, Uplink
from edge.live.desk import CommandDesk
from edge.live.first_sync import FirstSync
from edge.live.loop import LiveLoop
from edge.report import Reporter
from edge.sources.capture import Capture


@dataclass(frozen=True, slots=True)
class Parts:
    """What a session is put together of."""

    loop: LiveLoop
    reporter: Reporter
    outbox: Outbox
    writer: OutboxWriter
    uplink: Uplink
    clock: Clock
    capture: Capture
    desk: CommandDesk
    first_sync: FirstSync
    kept_time: KeptTime


@dataclass(frozen=True, slots=True)
class Moment:
    """A session as a display sees it."""

    parts: Parts
    elapsed_s: float
    frames_per_s: float
    state: str
