"""What a rig says of its own efficiency: the sums of the injections in its exposure records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from edge.scoring.efficiency import Efficiency

_Bin = tuple[float, float | None]


@dataclass(slots=True)
class Injections:
    """Synthetic particles that a rig put into copies of its own frames, and found again."""

    by_peak: Counter[tuple[_Bin, bool]] = field(default_factory=Counter)
    by_class: Counter[tuple[str, bool]] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)

    def add(self, record: dict[str, Any]) -> None:
        """Add one exposure record's; a record without them adds nothing.

        Raises
        ------
        ValueError
            They are no counts.
        """
        injection = record.get("injection")
        if not isinstance(injection, dict):
            return
        try:
            for part in injection.get("by_peak_sigma") or []:
                upper = part.get("to_sigma")
                place = float(part["from_sigma"]), None if upper is None else float(upper)
                for found, number in _parted(part):
                    self.by_peak[place, found] += number
            for label, part in (injection.get("by_class") or {}).items():
                for found, number in _parted(part):
                    self.by_class[str(label), found] += number
            for reason, number in (injection.get("missed") or {}).items():
                self.missed[str(reason)] += int(number)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"injection is garbled ({error!r:.80})") from None

    def to_json(self) -> dict[str, Any] | None:
        """Efficiencies by peak and class, as the rig found them; None without an injection."""
        if not self.by_peak and not self.by_class:
            return None
        bins = sorted({place for place, _ in self.by_peak}, key=lambda one: one[0])
        total = self.by_peak if self.by_peak else self.by_class
        missed_all = sum(n for (_, found), n in total.items() if not found)
        found_all = sum(n for (_, found), n in total.items() if found)
        return {
            **Efficiency(found_all + missed_all, found_all).to_json(),
            "by_peak": [
                {
                    "from_sigma": one[0],
                    "to_sigma": one[1],
                    **_efficiency(self.by_peak, one).to_json(),
                }
                for one in bins
            ],
            "by_class": {
                label: _efficiency(self.by_class, label).to_json()
                for label in sorted({label for label, _ in self.by_class})
            },
            "missed": dict(self.missed.most_common()),
        }


def _parted(part: dict[str, Any]) -> Iterator[tuple[bool, int]]:
    injected, found = int(part["injected"]), int(part["found"])
    if not 0 <= found <= injected:
        raise ValueError(f"injection: {found} of {injected} were found")
    yield True, found
    yield False, injected - found


def _efficiency(counts: Counter[Any], key: Any) -> Efficiency:
    found = counts[key, True]
    return Efficiency(found + counts[key, False], found)
