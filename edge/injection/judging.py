"""Asks the order stage about a synthetic particle: would it have become a hit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge.detection import Candidate
from edge.injection.trial import judge
from edge.stages.frame_veto import FrameVeto
from edge.stages.outcome import Outcome


def judge_injected(
    outcome: Outcome, veto: FrameVeto, is_hot: Callable[[Candidate, int], bool], time_ns: int
) -> Outcome:
    """Put the verdict in place of a frame's copy; nothing else of the outcome changes.

    Parameters
    ----------
    outcome : Outcome
    veto : FrameVeto
        Asked with the copy's candidates.
    is_hot : callable
        Whether a candidate is refused at its place at a time; must remember nothing of being
        asked.
    time_ns : int
        Of the frame.
    """
    injected, stamp = outcome.injected, outcome.stamp
    if injected is None or stamp is None:
        return outcome
    mode = stamp.mode
    reasons = veto.reasons(injected.candidates, mode.height_px, mode.width_px)
    trial = judge(injected, reasons, lambda candidate: is_hot(candidate, time_ns))
    return replace(outcome, injected=None, trial=trial)
