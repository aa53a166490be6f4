"""When a server is asked again: quickly at first, then politely, and out of step with others."""

from __future__ import annotations

import random
from dataclasses import dataclass

POLL_S = 64.0
"""A public server's patience (pool.ntp.org's minimum is 64 s)."""
SLOWEST_POLL_S = 1024.0

_BURST = 4
_BURST_S = 2.0
_JITTER = 0.1
_CALM_POLLS = 4
"""Polls in a row without a surprise after which the wait doubles."""


@dataclass(slots=True)
class Polling:
    """The wait between two polls of one server.

    Attributes
    ----------
    least_s, most_s : float
        Its limits once the burst at the start is over.
    hurried : bool
        Whether the server bears a burst.
    """

    least_s: float = POLL_S
    most_s: float = SLOWEST_POLL_S
    poll_s: float = POLL_S
    polls: int = 0
    calm: int = 0
    hurried: bool = True

    def went_well(self) -> None:
        """Count an answer that says what was expected; ask less often in time."""
        self.polls += 1
        self.calm += self.polls > _BURST
        if self.calm >= _CALM_POLLS:
            self.poll_s = min(self.poll_s * 2, self.most_s)
            self.calm = 0

    def was_odd(self) -> None:
        """Count a failure or a surprise; ask as often as is allowed."""
        self.polls += 1
        self.calm = 0
        self.poll_s = self.least_s

    def slow_down(self) -> None:
        """Obey a kiss-o'-death RATE for good: the server may refuse us altogether otherwise."""
        self.polls = max(self.polls + 1, _BURST)
        self.calm = 0
        self.least_s = min(self.least_s * 2, max(self.most_s, self.least_s))
        self.poll_s = max(self.poll_s, self.least_s)
        self.hurried = False

    def stay_away(self) -> None:
        """Obey a DENY: its address is not asked again, the name looked up again after long."""
        self.slow_down()
        self.poll_s = max(self.most_s, self.poll_s)

    def begin_anew(self) -> None:
        """After a suspend: as at the start, but never against the server's wish."""
        self.calm, self.poll_s = 0, self.least_s
        if self.hurried:
            self.polls = 0

    def wait_s(self) -> float:
        """Time until the next poll."""
        wait_s = min(_BURST_S, self.poll_s) if self.polls < _BURST else self.poll_s
        return wait_s * (1.0 + random.uniform(0.0, _JITTER))  # noqa: S311
