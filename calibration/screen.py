"""Which dark frames are not like the others: words and the seam of every method that says so.

A method sees the frames of one series (one sensor, size, exposure and temperature) and what is
known of the sensor's other series, and gives one judgement for each frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Verdict: TypeAlias = Literal["good", "bad", "unjudged"]
Reason: TypeAlias = Literal[
    "",
    "light",
    "cover",
    "saturated",
    "shifted",
    "truncated",
    "gain",
    "banding",
    "flat",
    "unlike",
    "too_few",
]

REASONS: dict[Reason, str] = {
    "light": "light fell in: a level or a slope that the dark pattern does not share",
    "cover": "the cover was off: far lighter than the others",
    "saturated": "pixels at the top of the scale that are not so in the others",
    "shifted": "the fixed pattern lies elsewhere than in the others",
    "truncated": "rows or parts of rows hold no picture",
    "gain": "noise and fixed pattern are of another scale",
    "banding": "rows or columns follow a pattern of their own",
    "flat": "a lit frame without the dark pattern of the others",
    "unlike": "unlike the others",
    "too_few": "too few frames of its kind to judge it",
}
"""What each reason means, for a person."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a method says of one frame.

    Attributes
    ----------
    verdict : {"good", "bad", "unjudged"}
    reason : str
        One of `REASONS`; "" for a good frame.
    score : float
        How far it is from the others, in units of what is allowed: above 1 is bad.
    measures : dict of str to float
        Distance by each measure, in the same units.
    """

    verdict: Verdict
    reason: Reason
    score: float
    measures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the headers say of a series.

    Attributes
    ----------
    full_scale_adu : int
        Largest value a pixel can have.
    exposure_s, temperature_c : float or None
    """

    full_scale_adu: int
    exposure_s: float | None = None
    temperature_c: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What the good frames of a series share.

    Attributes
    ----------
    median_adu : ndarray of float32, shape (height, width)
        Middle of good frames, pixel by pixel.
    noise_adu : float
        White noise of a frame: temporal, and of the fixed pattern.
    level_adu : float
        Median of `median_adu`.
    frames : int
        How many frames it was made of.
    conditions : Conditions
    """

    median_adu: NDArray[np.float32]
    noise_adu: float
    level_adu: float
    frames: int
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class Screened:
    """Judgements of a series in the order of its frames, and what its good frames share."""

    judgements: list[Judgement]
    reference: Reference | None


class Screener(Protocol):
    """Judges the frames of a series.

    `screen` may read each frame several times; a method by embeddings would compute its vector
    for each frame and compare those.
    """

    def screen(
        self,
        frames: Sequence[NDArray[Any]],
        conditions: Conditions,
        kin: Sequence[Reference] = (),
    ) -> Screened:
        """Judge `frames`, each of shape (height, width), uint8 or uint16.

        Parameters
        ----------
        frames : sequence of ndarray
            Of one series; may be read from disk when indexed.
        conditions : Conditions
            Of this series.
        kin : sequence of Reference
            Other series of the same sensor and size, at other exposures or temperatures.
        """
