"""What became of all that was offered: sums that hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from edge.credo_uplink.items import Kind

KINDS: tuple[Kind, ...] = ("hit", "ping")
_MOST_REASONS = 20


@dataclass(slots=True)
class Counts:
    """Of one kind: offered = sent + already_sent + refused + not_real + left.

    Attributes
    ----------
    offered : int
        Read from the rig's files, real or not.
    sent, already_sent : int
        Stored by the server now, and before.
    refused : int
        Set aside, now or before: the server won't have them, or they can't be sent.
    not_real : int
        No camera saw them.
    left : int
        To be sent by the next run.
    repeated : int
        Of those sent now, the ones that may be on the server more than once: an answer was lost.
    """

    offered: int = 0
    sent: int = 0
    already_sent: int = 0
    refused: int = 0
    not_real: int = 0
    left: int = 0
    repeated: int = 0

    def to_json(self) -> dict[str, int]:
        """For the summary."""
        return {
            "offered": self.offered,
            "sent": self.sent,
            "already_sent": self.already_sent,
            "refused": self.refused,
            "not_real": self.not_real,
            "left": self.left,
            "repeated": self.repeated,
        }


@dataclass(slots=True)
class Tally:
    """Of a run.

    Attributes
    ----------
    counts : dict of str to Counts
        By kind.
    not_real : Counter
        By origin.
    reasons : list of dict
        Why the first 20 were refused now: id and reason.
    ended : str
        Why the run ended before its end; "" where it did not.
    """

    counts: dict[Kind, Counts] = field(default_factory=lambda: {kind: Counts() for kind in KINDS})
    not_real: Counter[str] = field(default_factory=Counter)
    reasons: list[dict[str, str]] = field(default_factory=list)
    ended: str = ""

    @property
    def total(self) -> Counts:
        """Of hits and pings together."""
        each = [one.to_json() for one in self.counts.values()]
        return Counts(**{name: sum(one[name] for one in each) for name in each[0]})

    def refuse(self, kind: Kind, name: str, reason: str | None) -> None:
        """Count one that is set aside; no reason: it was told by a run before."""
        self.counts[kind].refused += 1
        if reason is not None and len(self.reasons) < _MOST_REASONS:
            self.reasons.append({"id": name, "reason": reason})

    def leave_out(self, kind: Kind, origin: str) -> None:
        """Count one that no camera saw."""
        self.counts[kind].not_real += 1
        self.not_real[origin] += 1

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            **self.total.to_json(),
            "hits": self.counts["hit"].to_json(),
            "pings": self.counts["ping"].to_json(),
            "not_real_by_origin": dict(sorted(self.not_real.items())),
            "reasons": self.reasons,
            "ended": self.ended,
        }
