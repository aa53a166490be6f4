"""False hits against the time and the pixels in which they could have come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from calibration.tail import normal_sigma
from edge.intervals import poisson_upper
from edge.scoring.efficiency import Ideal

_NS_PER_HOUR = 3.6e12


@dataclass(frozen=True, slots=True)
class FalseRate:
    """How often a hit was false.

    Three rates of a false hit per pixel read are told. The measured one is a fact but says little
    where few came; its 95 % limit (exact Poisson; 3.0 / reads where none came) is what the data
    can exclude; the expected one is the calibration's promise, which no short recording can test.
    The ideal curve is drawn at the measured rate, or at the limit where none were measured, so
    that it is never stricter than what was shown; a second one at the expected rate.

    Attributes
    ----------
    false_hits : int
    live_time_ns : int or None
        None where nothing tells how long the rig was looking.
    live_time_from : str
        "exposure" records; or "frames": all good frames of the recording, as if all were searched.
    reads : int
        Pixels in the frames that were searched; 0: not known.
    expected_per_hour : float or None
    expected_from : str
        See `edge.scoring.exposure.Exposure`.
    """

    false_hits: int
    live_time_ns: int | None
    live_time_from: str
    reads: int
    expected_per_hour: float | None = None
    expected_from: str = ""

    @property
    def hours(self) -> float | None:
        """Live time; None where it is unknown or none."""
        return self.live_time_ns / _NS_PER_HOUR if self.live_time_ns else None

    @property
    def limit(self) -> float:
        """Upper 95 % limit of the number of false hits."""
        return poisson_upper(self.false_hits)

    @property
    def per_read(self) -> float | None:
        """Rate of the ideal curve: measured, or its limit where none came."""
        return (self.false_hits or self.limit) / self.reads if self.reads else None

    @property
    def expected_per_read(self) -> float | None:
        """The calibration's rate."""
        if self.expected_per_hour is None or self.hours is None or not self.reads:
            return None
        return self.expected_per_hour * self.hours / self.reads

    @property
    def ideal(self) -> Ideal | None:
        """Single-pixel threshold of the same rate."""
        return None if self.per_read is None else Ideal(normal_sigma(self.per_read))

    @property
    def ideal_expected(self) -> Ideal | None:
        """Single-pixel threshold of the expected rate."""
        rate = self.expected_per_read
        return None if rate is None else Ideal(normal_sigma(rate))

    def per_hour(self) -> dict[str, float | None]:
        """False hits in an hour of live time, and their 95 % limit."""
        hours = self.hours
        return {
            "false_hits_per_hour": None if hours is None else self.false_hits / hours,
            "false_hits_per_hour_limit_95": None if hours is None else self.limit / hours,
        }

    def to_json(self) -> dict[str, Any]:
        """All rates, each with its name."""
        ideal, expected = self.ideal, self.ideal_expected
        return {
            "pixel_reads": self.reads or None,
            "measured_per_read": self.false_hits / self.reads if self.reads else None,
            "limit_95_per_read": self.limit / self.reads if self.reads else None,
            "expected_per_hour": self.expected_per_hour,
            "expected_per_read": self.expected_per_read,
            "expected_from": self.expected_from or None,
            "ideal_at": "measured" if self.false_hits else "limit_95",
            "ideal_threshold_sigma": ideal.threshold_sigma if ideal else None,
            "ideal_expected_threshold_sigma": expected.threshold_sigma if expected else None,
        }
