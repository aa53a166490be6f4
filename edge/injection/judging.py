"""Asks the order stage about a synthetic particle: would it have become a hit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge.detection import Candidate
from edge.injection.trial import judge
from edge.stages.frame_veto import FrameVeto
from edge.stages.outcome import Outcome


def judge_injected(
    outcome: Outcome, veto: FrameVeto, would_refuse: Callable[[Candidate], str | None]
) -> Outcome:
    """Put the verdict in place of a frame's copy; nothing else of the outcome changes.

    Parameters
    ----------
    outcome : Outcome
    veto : FrameVeto
        Asked with the copy's candidates.
    would_refuse : callable
        Reason to refuse a candidate for what its place did before, or None; must remember
        nothing of being asked.
    """
    injected, stamp = outcome.injected, outcome.stamp
    if injected is None or stamp is None:
        return outcome
    mode = stamp.mode
    reasons = veto.reasons(injected.candidates, mode.height_px, mode.width_px)
    trial = judge(injected, reasons, would_refuse)
    return replace(outcome, injected=None, trial=trial)
