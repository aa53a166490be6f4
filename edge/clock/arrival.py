"""When a frame really came: delays have one sign, so the least delayed frames tell the truth.

A frame is never early. What drivers, buses and schedulers add to its arrival is sometimes nothing
and sometimes much; a mean would follow the load of the computer, the least does not.
"""

from __future__ import annotations

from collections import deque

import numpy as np

_WINDOW = 256
_LEAST_FRAMES = 32
"""Frames whose slope is known better than a camera's nominal rate is kept."""

_RISE = 200e-6
# Two crystals that were never compared differ by this much at most.


class LeastDelay:
    """The least delay seen, forgotten slowly.

    The clocks of a camera and a computer run apart: a least delay that is kept for ever makes every
    frame late after some hours where the camera's is the slower one. It rises by 200 ppm.
    """

    __slots__ = ("_at_ns", "_least_ns")

    def __init__(self) -> None:
        self._least_ns: int | None = None
        self._at_ns = 0

    def excess_ns(self, delay_ns: int, at_ns: int) -> int:
        """By how much a delay, seen at an instant, is above the least."""
        if self._least_ns is None:
            self._least_ns = delay_ns
        else:
            risen_ns = self._least_ns + round(max(at_ns - self._at_ns, 0) * _RISE)
            self._least_ns = min(delay_ns, risen_ns)
        self._at_ns = at_ns
        return delay_ns - self._least_ns

    def reset(self) -> None:
        """Forget it at once."""
        self._least_ns = None


class ArrivalLine:
    """Smooth times for frames whose camera tells none, by their numbers and arrivals.

    A line through the last 256 arrivals (least squares), pushed down to the least delayed of them,
    as RMS does (``BufferedCapture.calculatePTSRegressionParams``). RMS keeps sums over the whole
    night and adds a slow bias to follow the camera; here the window moves on. A frame more than a
    period from the line begins a new one: frames were lost that nobody counted.

    Parameters
    ----------
    period_ns : int or None
        Nominal time between frames, the slope until 32 frames have come. Where it is None or proves
        wrong, arrivals are taken as they are until then.
    """

    def __init__(self, period_ns: int | None = None) -> None:
        self._nominal_ns = period_ns
        self._seen: deque[tuple[int, int]] = deque(maxlen=_WINDOW)
        self._last_ns: int | None = None

    def reset(self) -> None:
        """Begin a new line, as after the camera was opened anew."""
        self._seen.clear()

    def place_ns(self, number: int, arrival_ns: int) -> int:
        """Give the time at which a frame would have come without delay; never after it came.

        Parameters
        ----------
        number : int
            The frame's place in the camera's series: lost frames that are known of count.
        arrival_ns : int
            CLOCK_BOOTTIME at its arrival.
        """
        if self._seen and number <= self._seen[-1][0]:
            self.reset()
        self._seen.append((number, arrival_ns))
        smooth_ns, period_ns = self._fitted()
        if period_ns is not None and arrival_ns - smooth_ns > period_ns:
            if len(self._seen) < _LEAST_FRAMES:
                self._nominal_ns = None  # webcams take longer in the dark than they say
            self._seen.clear()
            self._seen.append((number, arrival_ns))
            smooth_ns = arrival_ns
        if self._last_ns is not None:  # a line that was pushed down must not turn time back
            smooth_ns = min(max(smooth_ns, self._last_ns + 1), arrival_ns)
        self._last_ns = smooth_ns
        return smooth_ns

    def _fitted(self) -> tuple[int, float | None]:
        """The last frame's place on the line, and the line's slope."""
        base_number, base_ns = self._seen[-1]
        numbers = np.array([number - base_number for number, _ in self._seen], np.float64)
        arrivals = np.array([arrival - base_ns for _, arrival in self._seen], np.float64)
        slope: float | None = self._nominal_ns
        if len(self._seen) >= _LEAST_FRAMES:
            centred = numbers - numbers.mean()
            slope = float(centred @ (arrivals - arrivals.mean()) / (centred @ centred))
        if slope is None:
            return base_ns, None
        return base_ns + int(np.floor((arrivals - slope * numbers).min())), slope
