"""Which particles could be found, and what share of them was: by class, by peak, by size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.tail import normal_tail
from edge.intervals import wilson

FIRST_BIN_SIGMA, LAST_BIN_SIGMA = 3, 30
_DIGITS = 6
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Particles that could be found, and those that were."""

    detectable: int
    found: int

    @property
    def value(self) -> float | None:
        """Share that was found; None where none could be."""
        return self.found / self.detectable if self.detectable else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        return wilson(self.found, self.detectable)

    def to_json(self) -> dict[str, Any]:
        """Counts, share and interval."""
        low, high = self.interval
        return {
            "detectable": self.detectable,
            "found": self.found,
            "efficiency": None if self.value is None else round(self.value, _DIGITS),
            "low": round(low, _DIGITS),
            "high": round(high, _DIGITS),
        }


@dataclass(frozen=True, slots=True)
class Ideal:
    """A single-pixel threshold that knows each pixel's noise perfectly.

    It sees a particle whose noise-free peak is s sigma with the probability that s plus normal
    noise of the brightest pixel passes the threshold. A trigger that uses more than one pixel can
    do better where a particle lights more than one.
    """

    threshold_sigma: float

    def efficiency(self, peak_sigma: NDArray[np.float64]) -> float | None:
        """Mean over particles; None for none."""
        if not len(peak_sigma):
            return None
        chances = [normal_tail(self.threshold_sigma - s) for s in peak_sigma.tolist()]
        return round(sum(chances) / len(chances), _DIGITS)


@dataclass(frozen=True, slots=True)
class PeakBin:
    """Particles whose peak lies from one bound (included) to the next."""

    from_sigma: float
    to_sigma: float | None
    mean_sigma: float | None
    efficiency: Efficiency
    ideal: float | None
    ideal_expected: float | None

    def to_json(self) -> dict[str, Any]:
        """For the report; `ideal` and `ideal_expected` are shares, as `efficiency` is."""
        return {
            "from_sigma": self.from_sigma,
            "to_sigma": self.to_sigma,
            "mean_sigma": None if self.mean_sigma is None else round(self.mean_sigma, 4),
            **self.efficiency.to_json(),
            "ideal": self.ideal,
            "ideal_expected": self.ideal_expected,
        }


def measure(found: Flags, some: Flags) -> Efficiency:
    """Efficiency of some of the particles."""
    return Efficiency(int(np.count_nonzero(some)), int(np.count_nonzero(found & some)))


def by_label(
    found: Flags, detectable: Flags, label: NDArray[np.int64], labels: Sequence[str]
) -> dict[str, Efficiency]:
    """Efficiency of each class, in the order of their names; one without a particle stays out."""
    every = {name: measure(found, detectable & (label == i)) for i, name in enumerate(labels)}
    return {name: every[name] for name in sorted(every) if every[name].detectable}


def by_peak(
    found: Flags,
    usable: Flags,
    peak_sigma: NDArray[np.float64],
    ideal: Ideal | None,
    ideal_expected: Ideal | None,
) -> list[PeakBin]:
    """Efficiency in bins of 1 sigma from 3 to 30, those above in one.

    Parameters
    ----------
    found, usable : ndarray of bool, shape (n,)
        Particles that were found, and those in frames that were looked at.
    peak_sigma : ndarray of float64, shape (n,)
    ideal, ideal_expected : Ideal or None
        At the measured rate of false hits, and at the one the calibration expects.

    Returns
    -------
    list of PeakBin
        All bins, those without a particle included.
    """
    bins = []
    for low, high in _bounds():
        inside = usable & (peak_sigma >= low)
        if high is not None:
            inside &= peak_sigma < high
        peaks = peak_sigma[inside]
        bins.append(
            PeakBin(
                from_sigma=low,
                to_sigma=high,
                mean_sigma=float(peaks.mean()) if len(peaks) else None,
                efficiency=measure(found, inside),
                ideal=ideal.efficiency(peaks) if ideal else None,
                ideal_expected=ideal_expected.efficiency(peaks) if ideal_expected else None,
            )
        )
    return bins


def _bounds() -> Iterator[tuple[float, float | None]]:
    for low in range(FIRST_BIN_SIGMA, LAST_BIN_SIGMA):
        yield float(low), float(low + 1)
    yield float(LAST_BIN_SIGMA), None
