"""What one benchmark found, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.timing import Times


@dataclass(frozen=True, slots=True)
class Result:
    """Our code beside its peers.

    Attributes
    ----------
    name : str
        Key in the JSON object.
    title : str
        For people.
    ours : str
        Which of `times` is ours.
    times : mapping of str to Times
        Ours and the peers', all of the same rounds.
    figures : dict
        Further numbers for the JSON object, units in their names.
    notes : tuple of str
        Lines under the table: rates, slopes, what a peer leaves out.
    ladder : bool
        The contenders are our own code on ever larger work; `ours` is the largest.
    """

    name: str
    title: str
    ours: str
    times: Mapping[str, Times]
    figures: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    ladder: bool = False

    @property
    def ms(self) -> float:
        """Median of ours."""
        return self.times[self.ours].median_ms

    @property
    def peers(self) -> list[str]:
        """Names of the others."""
        return [name for name in self.times if name != self.ours]

    def ratio(self, peer: str) -> float:
        """Our time over the peer's: below 1 we are faster."""
        return self.times[self.ours].ratio_to(self.times[peer])

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints under the name."""
        low, high = self.times[self.ours].spread_ms
        return {
            "title": self.title,
            "ours": self.ours,
            "ms": _short(self.ms),
            "spread_ms": [_short(low), _short(high)],
            "rounds": len(self.times[self.ours].samples_ms),
            "peers_ms": {name: _short(self.times[name].median_ms) for name in self.peers},
            "ratios": {name: _short(self.ratio(name)) for name in self.peers},
            **self.figures,
            "notes": list(self.notes),
        }


def _short(value: float) -> float:
    """Four digits: more than a run on a busy machine gives."""
    return float(f"{value:.4g}")
