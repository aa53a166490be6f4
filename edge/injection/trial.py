"""What became of one synthetic particle: found, or missed for a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge.detection import Candidate
from edge.injection.deposit import Deposit

NOT_TRIGGERED = "not_triggered"


@dataclass(frozen=True, slots=True, eq=False)
class Injected:
    """A copy of a frame with a particle in it, after its pixel pass.

    `lost` says why a copy was not searched at all ("flood", "uncovered", "bad"), else it is "".
    """

    deposit: Deposit
    candidates: tuple[Candidate, ...] = ()
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One particle's fate; `missed` is the reason, "" where it was found."""

    kind: str
    peak_sigma: float
    missed: str = ""

    @property
    def found(self) -> bool:
        """Whether it would have become a hit."""
        return not self.missed


def judge(
    injected: Injected,
    reasons: Sequence[str | None],
    would_refuse: Callable[[Candidate], str | None],
) -> Trial:
    """Say whether a particle would have become a hit.

    It is found when a candidate that overlaps it passes the frame veto and lies at no hot place.
    The hold is taken as passed: a particle is gone in the next frame.

    Parameters
    ----------
    injected : Injected
    reasons : sequence of str or None
        The frame veto's, for each of the copy's candidates.
    would_refuse : callable
        Reason to refuse a candidate for what its place did before, or None; must remember
        nothing of being asked.
    """
    missed = injected.lost or NOT_TRIGGERED
    for candidate, reason in zip(injected.candidates, reasons, strict=True):
        if not overlaps(candidate, injected.deposit):
            continue
        missed = reason or would_refuse(candidate) or ""
        if not missed:
            break
    return Trial(injected.deposit.kind, injected.deposit.peak_sigma, missed)


def overlaps(candidate: Candidate, deposit: Deposit) -> bool:
    """Whether they share a pixel."""
    stride = np.int64(max(int(candidate.cols.max()), int(deposit.cols.max())) + 1)
    own = candidate.rows.astype(np.int64) * stride + candidate.cols
    return bool(np.isin(own, deposit.rows.astype(np.int64) * stride + deposit.cols).any())
