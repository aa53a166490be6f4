"""What became of a frame, and of its candidates once the hold has let it go."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.sample import Sample
from edge.detection import Candidate, FrameStamp
from edge.injection.trial import Injected, Trial

Fate = Literal["processed", "calibrating", "uncovered", "dropped", "bad", "missing"]
FATES: tuple[Fate, ...] = (
    "processed",
    "calibrating",
    "uncovered",
    "dropped",
    "bad",
    "missing",
)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A frame (or `count` frames without pixels) after the pixel pass.

    Attributes
    ----------
    fate : str
        The one bin of the frame count it falls into.
    stamp : FrameStamp or None
        None for frames nothing is known of: missing, dropped, bad.
    candidates : tuple of Candidate
        Brightest first; only of a processed frame.
    flood : bool
        Too much was lit: counted as one candidate, rejected.
    count : int
        Number of frames; more than one only without a stamp.
    reason : str
        Why a bad frame is bad, an uncovered one uncovered (light, leak, settling), or what lost
        the missing ones where it was not the camera (stalled): a snake_case key.
    sample : Sample or None
        What the calibration learns from; the order stage lets go of it at once.
    looked : ndarray of int64, or None
        Flat indices of the pixels that stood out of the noise, though not enough to be lit.
    zero_bias : ndarray of uint16, shape (n, n), or None
        A window of raw counts, where one was taken (`edge.monitor.zero_bias`).
    injected : Injected or None
        A copy of the frame with a synthetic particle in it; the order stage judges it.
    trial : Trial or None
        What became of that particle.
    """

    fate: Fate
    stamp: FrameStamp | None = None
    candidates: tuple[Candidate, ...] = ()
    flood: bool = False
    count: int = 1
    reason: str = ""
    sample: Sample | None = None
    looked: NDArray[np.int64] | None = None
    zero_bias: NDArray[np.uint16] | None = None
    injected: Injected | None = None
    trial: Trial | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Accepted:
    """A candidate that passed, with the number of frames it was lit in."""

    candidate: Candidate
    frames_lit: int


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """A candidate that did not pass, with the reason: a snake_case key."""

    candidate: Candidate
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """A frame of which every candidate is in its bin: candidates = hits + rejected.

    Attributes
    ----------
    refused : tuple of Refused
        Some of the rejected, to be kept for a person to look at.
    """

    outcome: Outcome
    hits: tuple[Accepted, ...] = ()
    rejected: Counter[str] = field(default_factory=Counter)
    refused: tuple[Refused, ...] = ()

    @property
    def candidates(self) -> int:
        """Number of candidates the frame had; a flood is one."""
        return len(self.hits) + self.rejected.total()


class Suspect(NamedTuple):
    """Pixels that lit as no particle does, for the calibration to watch.

    `rows` and `cols` are int32 of shape (n,); `reason` is that of the rejection.
    """

    rows: NDArray[np.int32]
    cols: NDArray[np.int32]
    reason: str
