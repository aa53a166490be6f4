"""When the sensor was dark: a leak shows before a frame is bright, and lingers after.

The pixel pass calls single frames uncovered. Around them the rig is not dark either: the hand on
the cover, light that creeps in, automatic exposure that settles. So the frames after uncovered
ones stay uncovered until three times as many were dark in a row, those of a second at most (3 to
30 frames): a flash in one frame, or a particle so bright that it passes for one, costs little, a
lifted cover a second. What lit just before is light. Many new candidates in each of three frames in
a row are a leak as well, too faint for any one frame to tell.

A frame of a second or longer stands for itself: darks of minutes are taken one by one. So does one
of which neither exposure nor rate is stated: nothing says that it follows on the one before.
"""

from __future__ import annotations

from dataclasses import replace

from edge.detection import FrameStamp
from edge.stages.outcome import Outcome
from edge.stages.poisson import at_least
from edge.stages.rate import LearnedRate
from edge.timeline import exposure_ns, frame_duration_ns

LIGHT, LEAK, SETTLING = "light", "leak", "settling"
_LEAST_FRAMES, _MOST_FRAMES = 3, 30
_TIMES = 3
_RUN_FRAMES = 3
_MANY = 5
_CHANCE = 1e-4
_LEARNING_FRAMES = 30


class CoverState:
    """Keeps the state of the cover from frame to frame.

    Parameters
    ----------
    settle_ns : int
        How long frames must be dark before the rig looks again (0: at once).
    """

    def __init__(self, settle_ns: int) -> None:
        self._settle_ns = settle_ns
        self._dark_wanted = 0
        self._light = 0

    def judge(self, outcome: Outcome) -> Outcome:
        """Return the frame as what it is, given the frames before it."""
        if outcome.fate == "uncovered" and outcome.stamp is not None:
            self.lifted(outcome.stamp)
            return outcome if outcome.reason else replace(outcome, reason=LIGHT)
        if not self._dark_wanted or outcome.fate not in ("processed", "calibrating"):
            return outcome
        self._dark_wanted -= 1
        if not self._dark_wanted:
            self._light = 0
        if outcome.fate == "calibrating":
            return outcome
        return replace(outcome, fate="uncovered", reason=SETTLING)

    def lifted(self, stamp: FrameStamp) -> None:
        """Count dark frames anew from here."""
        self._light += 1
        self._dark_wanted = self._wanted(stamp)

    def stands_alone(self, stamp: FrameStamp) -> bool:
        """Whether a frame is so long that its neighbours say nothing about it."""
        mode = stamp.mode
        known = stamp.exposure_ns or mode.exposure_ns or mode.frame_duration_ns
        return not known or frame_ns(stamp) >= self._settle_ns

    def clear(self) -> None:
        """Take what comes for dark."""
        self._dark_wanted = self._light = 0

    def _wanted(self, stamp: FrameStamp) -> int:
        if self.stands_alone(stamp):
            return 0
        most = min(-(-self._settle_ns // frame_ns(stamp)), _MOST_FRAMES)
        return max(min(_TIMES * self._light, most), _LEAST_FRAMES)


class LeakRun:
    """Finds frames in a row that each hold more new candidates than the rate explains.

    Parameters
    ----------
    rate : LearnedRate
        Of the hits; nothing is called a leak in its first 30 frames.
    """

    def __init__(self, rate: LearnedRate) -> None:
        self._rate = rate
        self._frames = 0
        self._run = 0

    def is_many(self, candidates: int, stamp: FrameStamp) -> bool:
        """Whether so many in one frame come by chance in fewer than one of 10,000."""
        if candidates < _MANY or self._frames < _LEARNING_FRAMES:
            return False
        mean = self._rate.per_min * frame_ns(stamp) / 60e9
        return at_least(candidates, mean) < _CHANCE

    def goes_on(self, candidates: int, stamp: FrameStamp) -> bool:
        """Count a frame; True when it is the third of a run, or a later one."""
        self._frames += 1
        self._run = self._run + 1 if self.is_many(candidates, stamp) else 0
        return self._run >= _RUN_FRAMES

    def clear(self) -> None:
        """Begin anew."""
        self._frames = self._run = 0


def frame_ns(stamp: FrameStamp) -> int:
    """Time that a frame takes: its own exposure where that is longer than the stated rate."""
    return max(exposure_ns(stamp), frame_duration_ns(stamp.mode), 1)
