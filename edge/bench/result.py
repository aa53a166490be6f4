"""What one benchmark found, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.bench.peers import MAX, OPENCV
from edge.bench.timing import Times


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
            "ms": short(self.ms),
            **self._beside(),
            "spread_ms": [short(low), short(high)],
            "rounds": len(self.times[self.ours].samples_ms),
            "peers_ms": {name: short(self.times[name].median_ms) for name in self.peers},
            "ratios": {name: short(self.ratio(name)) for name in self.peers},
            **self.figures,
            "notes": list(self.notes),
        }

    def _beside(self) -> dict[str, float]:
        """The limit, and what a user would write instead, by the names of the contract."""
        beside: dict[str, float] = {}
        if MAX in self.times:
            beside["np_max_ms"] = short(self.times[MAX].median_ms)
            beside["ratio_np_max"] = short(self.ratio(MAX))
        if OPENCV in self.times:
            beside["opencv_ms"] = short(self.times[OPENCV].median_ms)
            beside["speedup_opencv"] = short(self.times[OPENCV].ratio_to(self.times[self.ours]))
        return beside


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured without a race.

    Attributes
    ----------
    name, title : str
        As a `Result`'s.
    figures : dict
        For the JSON object.
    columns : tuple of str
        Heads of the table.
    rows : tuple of tuple of str
        Its lines.
    notes : tuple of str
        Lines under it.
    """

    name: str
    title: str
    figures: Mapping[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints under the name."""
        return {"title": self.title, **self.figures, "notes": list(self.notes)}


Found = Result | Figures


def short(value: float) -> float:
    """Four digits: more than a run on a busy machine gives."""
    return float(f"{value:.4g}")
