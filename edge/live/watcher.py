"""Display and health of a live session, at their own pace."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from edge.live.health import health
from edge.live.parts import Moment, Parts

_HEALTH_PERIOD_S = 60.0
_LOOK_PERIOD_S = 0.25


class Watcher:
    """Display and health, at their own pace, so that the frame path stays short."""

    def __init__(self, watch: Callable[[Moment], None], parts: Parts) -> None:
        self._watch = watch
        self._parts = parts
        self._started = self._rate_since = time.monotonic()
        self._rate_received = 0
        self._rate = 0.0
        self._next_look = self._next_health = 0.0

    def tick(self, state: str) -> None:
        """Look and report when it is time."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_PERIOD_S
            self._parts.first_sync.look()
            self._parts.kept_time.look()
            self.look(state)
        if now >= self._next_health:
            self._next_health = now + _HEALTH_PERIOD_S
            self.report(state)

    def report(self, state: str) -> None:
        """Publish how the rig is doing."""
        self._parts.uplink.publish_health(self.health(state))

    def health(self, state: str) -> dict[str, Any]:
        """How the rig is doing, as a health message says it."""
        parts, elapsed_s = self._parts, time.monotonic() - self._started
        body = health(
            parts.reporter,
            parts.outbox,
            parts.clock,
            elapsed_s,
            state,
            first_frame_s=rounded(parts.loop.first_frame_s),
        )
        commands = {f"commands_{name}": count for name, count in parts.desk.counts.items()}
        return {**body, "counters": {**body["counters"], **commands}}

    def look(self, state: str) -> None:
        """Show the present moment."""
        now, received = time.monotonic(), self._parts.capture.received
        if now - self._rate_since >= 1.0:
            self._rate = (received - self._rate_received) / (now - self._rate_since)
            self._rate_since, self._rate_received = now, received
        self._watch(Moment(self._parts, now - self._started, self._rate, state))


def rounded(seconds: float | None) -> float | None:
    """To a hundredth, as summaries have it."""
    return None if seconds is None else round(seconds, 2)
