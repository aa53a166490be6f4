"""A place that lights again and again is a hot pixel, not a source of particles."""

from __future__ import annotations

from collections import OrderedDict

_MOST_PLACES = 100_000


class RepeatVeto:
    """Remembers where candidates were, and refuses a place from its n-th candidate on.

    The server of CREDO refuses 3 at one place of one device for ever, which after years refuses
    real hits; here the places within one pixel of each other count together, and only those
    within the window: a place that stays quiet for that long is used again.

    Parameters
    ----------
    count : int
        The candidate with this number inside the window is the first to be refused (0: off).
    window_ns : int
        How long a candidate is remembered.
    """

    def __init__(self, count: int = 3, window_ns: int = 3_600_000_000_000) -> None:
        self._count = count
        self._window_ns = window_ns
        self._places: OrderedDict[tuple[int, int], tuple[int, ...]] = OrderedDict()

    def refuses(self, y_px: int, x_px: int, time_ns: int) -> bool:
        """Count a candidate at this place; True when the place is hot."""
        if self._count == 0:
            return False
        self._forget(time_ns)
        refused = self.would_refuse(y_px, x_px, time_ns)
        times = self._places.pop((y_px, x_px), ())
        self._places[y_px, x_px] = (*times, time_ns)[-self._count :]
        return refused

    def would_refuse(self, y_px: int, x_px: int, time_ns: int) -> bool:
        """Whether a candidate at this place would be refused; it is not counted."""
        if self._count == 0:
            return False
        seen = sum(
            self._recent(near, time_ns)
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if (near := self._places.get((y_px + dy, x_px + dx))) is not None
        )
        return seen + 1 >= self._count

    def clear(self) -> None:
        """Forget all places: those that come are of another sensor or mode."""
        self._places.clear()

    def _recent(self, times: tuple[int, ...], now_ns: int) -> int:
        # Where the clock was set back, what is remembered lies ahead.
        return sum(abs(now_ns - t) <= self._window_ns for t in times)

    def _forget(self, now_ns: int) -> None:
        """Drop places that are out of the window, oldest first, a few at a time."""
        for _ in range(2):
            if not self._places:
                return
            place, times = next(iter(self._places.items()))
            if len(self._places) <= _MOST_PLACES and abs(now_ns - times[-1]) <= self._window_ns:
                return
            del self._places[place]
