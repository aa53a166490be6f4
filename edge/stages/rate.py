"""How often hits come: over the sensor's pixels for hot places, over minutes for bursts."""

from __future__ import annotations

_NS = 1_000_000_000
_MINUTE_NS = 60 * _NS
_LONGEST_NS = 12 * 3600 * _NS
_MINUTES_LEARNED = 10
_LEAST_PER_MIN = 0.5


class PixelRate:
    """Hits per pixel and time, measured as they come.

    Counted is what no hot place refuses, so that a hot pixel counts a few times at most. The last
    6 to 12 hours count; never less than the muons that are expected.

    Parameters
    ----------
    pixels : int
        Of the sensor.
    floor_per_s : float
        Hits per second that are expected of muons.
    """

    def __init__(self, pixels: int, floor_per_s: float) -> None:
        self._pixels = pixels
        self._floor = floor_per_s / pixels / _NS
        self._hits = 0
        self._live_ns = 0

    def live(self, frame_ns: int) -> None:
        """Count the time of a frame that was looked at."""
        self._live_ns += frame_ns
        if self._live_ns > _LONGEST_NS:
            self._live_ns //= 2
            self._hits //= 2

    def count(self) -> None:
        """Count a hit."""
        self._hits += 1

    @property
    def per_px_ns(self) -> float:
        """Hits per pixel and nanosecond; one more than were seen, for few say little."""
        return max((self._hits + 1) / max(self._live_ns, 1) / self._pixels, self._floor)


class LearnedRate:
    """Hits per minute of live time, learned minute by minute.

    The first ten minutes count alike, then the newest with a tenth. A minute can at most double
    what was learned: so a burst is not learned as it comes, and a change that stays is.
    """

    def __init__(self) -> None:
        self._per_min = 0.0
        self._minutes = 0
        self._live_ns = 0
        self._hits = 0

    def add(self, hits: int, frame_ns: int) -> None:
        """Count a frame that was looked at."""
        self._hits += hits
        self._live_ns += frame_ns
        if self._live_ns >= _MINUTE_NS:
            self._end_minute(self._hits * _MINUTE_NS / self._live_ns)
            self._hits = self._live_ns = 0

    def _end_minute(self, per_min: float) -> None:
        self._minutes += 1
        weight = 1 / min(self._minutes, _MINUTES_LEARNED)
        learned = self._per_min + weight * (per_min - self._per_min)
        if self._minutes > _MINUTES_LEARNED:
            learned = min(learned, 2 * max(self._per_min, _LEAST_PER_MIN))
        self._per_min = learned

    @property
    def settled(self) -> bool:
        """Whether the first ten minutes are over."""
        return self._minutes >= _MINUTES_LEARNED

    @property
    def per_min(self) -> float:
        """Rate as learned; in the first minute, as far as it got."""
        if self._minutes:
            return self._per_min
        return (self._hits + 1) * _MINUTE_NS / max(self._live_ns, 1)
