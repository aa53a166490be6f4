"""Sums over trials: efficiency by brightness and class, with its interval."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from edge.injection.trial import Trial
from edge.intervals import wilson

EDGES_SIGMA: tuple[float, ...] = (0, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30, 60)
"""Bins of the brightest pixel's signal; one sigma wide where the threshold is."""

_DECIMALS = 4


@dataclass(slots=True)
class InjectionTally:
    """Injected and found particles by (class, bin), and why the others were missed."""

    injected: Counter[tuple[str, int]] = field(default_factory=Counter)
    found: Counter[tuple[str, int]] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)

    def count(self, trial: Trial) -> None:
        """Count a trial."""
        place = trial.kind, _bin_of(trial.peak_sigma)
        self.injected[place] += 1
        if trial.found:
            self.found[place] += 1
        else:
            self.missed[trial.missed] += 1

    def add(self, other: InjectionTally) -> None:
        """Add another tally."""
        self.injected.update(other.injected)
        self.found.update(other.found)
        self.missed.update(other.missed)

    def take_back(self, other: InjectionTally) -> None:
        """Undo `add`."""
        self.injected.subtract(other.injected)
        self.found.subtract(other.found)
        self.missed.subtract(other.missed)

    def record(self, share: float) -> dict[str, Any]:
        """Write it down for an exposure record; bins and classes without a particle are left out.

        Parameters
        ----------
        share : float
            Share of the frames that were copied.
        """
        bins = sorted({place[1] for place, n in self.injected.items() if n > 0})
        kinds = sorted({place[0] for place, n in self.injected.items() if n > 0})
        return {
            "share": share,
            "injected": self.injected.total(),
            "found": self.found.total(),
            "by_peak_sigma": [
                {
                    "from_sigma": float(EDGES_SIGMA[i]),
                    "to_sigma": float(EDGES_SIGMA[i + 1]),
                    **self._sums(bin_index=i),
                }
                for i in bins
            ],
            "by_class": {kind: self._sums(kind=kind) for kind in kinds},
            "missed": {reason: n for reason, n in sorted(self.missed.items()) if n > 0},
        }

    def summary(self, share: float) -> dict[str, Any]:
        """Write it down with efficiencies and their 95 % intervals."""
        record = self.record(share)
        return {
            **with_efficiency(record),
            "by_peak_sigma": [with_efficiency(one) for one in record["by_peak_sigma"]],
            "by_class": {kind: with_efficiency(one) for kind, one in record["by_class"].items()},
        }

    def _sums(self, *, kind: str | None = None, bin_index: int | None = None) -> dict[str, int]:
        """Injected and found of one class or one bin."""
        places = [
            place
            for place in self.injected
            if kind in (None, place[0]) and bin_index in (None, place[1])
        ]
        return {
            "injected": sum(self.injected[place] for place in places),
            "found": sum(self.found[place] for place in places),
        }


def with_efficiency(part: dict[str, Any]) -> dict[str, Any]:
    """Add `efficiency` (None without a particle) and `interval_95` to injected and found."""
    injected, found = part["injected"], part["found"]
    low, high = wilson(found, injected)
    return {
        **part,
        "efficiency": round(found / injected, _DECIMALS) if injected else None,
        "interval_95": [round(low, _DECIMALS), round(high, _DECIMALS)],
    }


def _bin_of(peak_sigma: float) -> int:
    last = len(EDGES_SIGMA) - 2
    return min(max(bisect_right(EDGES_SIGMA, peak_sigma) - 1, 0), last)
