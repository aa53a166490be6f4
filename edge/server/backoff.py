"""How long to wait before the next try: full jitter, so that a fleet does not knock in step."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

_MOST_DOUBLINGS = 32


@dataclass(slots=True)
class Backoff:
    """Waits drawn from 0 to a bound that doubles (AWS Architecture Blog, "full jitter").

    Attributes
    ----------
    base_s, cap_s : float
        First and largest bound.
    """

    base_s: float
    cap_s: float
    _tries: int = field(default=0, init=False)

    def next_s(self) -> float:
        """Draw the next wait."""
        bound = min(self.cap_s, self.base_s * 2 ** min(self._tries, _MOST_DOUBLINGS))
        self._tries += 1
        return random.uniform(0.0, bound)  # noqa: S311 - no secret

    def reset(self) -> None:
        """It worked: start over."""
        self._tries = 0
