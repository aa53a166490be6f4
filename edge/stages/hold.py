"""The hold: a candidate is a hit only when the next frames show that it went away.

A badly covered camera or a pixel that stays lit makes the same candidate in frame after frame
(the CREDO slides name it; no public system rejects it). What is lit at one place in more than
`frames` consecutive frames is an artefact; what is lit in fewer is one hit, with the first
frame's time.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from edge.detection import Candidate
from edge.stages.outcome import Accepted, Outcome, Settled

_MOST_UNSEEN = 64
"""Frames in a row that were not looked at (cover lifted, faults) after which nothing goes on."""

MULTI_FRAME = "multi_frame"
CONTINUED = "continued"


@dataclass(slots=True, eq=False)
class _Chain:
    """One thing that is lit: over how many consecutive frames, and where in the last of them."""

    length: int = 1
    last: list[Candidate] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Waiting:
    outcome: Outcome
    rejected: Counter[str]
    held: list[tuple[Candidate, _Chain, bool]] = field(default_factory=list)
    later: int = 0


class Hold:
    """Delays frames, in order, until each of their candidates is decided.

    Parameters
    ----------
    frames : int
        A candidate may be lit in this many consecutive frames (0: no hold). Frames that were
        not looked at in between show nothing; after 64 of them in a row what is lit is new.
    """

    def __init__(self, frames: int = 3) -> None:
        self._frames = frames
        self._most_waiting = 2 * frames + _MOST_UNSEEN
        self._unseen = 0
        self._waiting: deque[_Waiting] = deque()
        self._alive: list[_Chain] = []

    def continues(self, candidate: Candidate) -> bool:
        """Whether the candidate goes on from the last processed frame."""
        return self._find(candidate) is not None

    def push(
        self,
        outcome: Outcome,
        passed: Sequence[Candidate],
        rejected: Counter[str],
        vetoed: Sequence[Candidate] = (),
    ) -> Iterator[Settled]:
        """Take a frame with the candidates the vetoes let pass; yield the frames now settled.

        `vetoed` are candidates of the frame that are rejected already: what goes on from one of
        them in the next frame is no new thing.
        """
        entry = _Waiting(outcome, rejected)
        if outcome.fate == "processed" and not outcome.flood:
            for earlier in self._waiting:
                earlier.later += 1
            self._link(entry, passed, vetoed)
            self._unseen = 0
        else:
            self._unseen += outcome.count
            if self._unseen > _MOST_UNSEEN:
                self._alive = []
        self._waiting.append(entry)
        return self._release()

    def _link(
        self, entry: _Waiting, passed: Sequence[Candidate], vetoed: Sequence[Candidate]
    ) -> None:
        """Tie each candidate to the chain it goes on from, or start one."""
        candidates = [*passed, *vetoed]
        found = [self._find(candidate) for candidate in candidates]
        going_on = {id(chain): chain for chain in found if chain is not None}
        for chain in going_on.values():
            chain.length += 1
            chain.last = []
        alive = list(going_on.values())
        for i, (candidate, before) in enumerate(zip(candidates, found, strict=True)):
            chain = before if before is not None else _Chain()
            chain.last.append(candidate)
            if i < len(passed):
                entry.held.append((candidate, chain, before is None))
            if before is None:
                alive.append(chain)
        self._alive = alive

    def flush(self) -> Iterator[Settled]:
        """No frame follows: settle all that waits."""
        self._alive = []
        self._unseen = 0
        while self._waiting:
            yield self._settle(self._waiting.popleft())

    def _find(self, candidate: Candidate) -> _Chain | None:
        if self._frames == 0:
            return None
        for chain in self._alive:
            if any(same_place(last, candidate) for last in chain.last):
                return chain
        return None

    def _release(self) -> Iterator[Settled]:
        while self._waiting and self._is_ready(self._waiting[0]):
            yield self._settle(self._waiting.popleft())

    def _is_ready(self, entry: _Waiting) -> bool:
        if not entry.held or entry.later >= self._frames:
            return True
        return len(self._waiting) > self._most_waiting

    def _settle(self, entry: _Waiting) -> Settled:
        hits: list[Accepted] = []
        rejected = Counter(entry.rejected)
        for candidate, chain, first in entry.held:
            if self._frames and chain.length > self._frames:
                rejected[MULTI_FRAME] += 1
            elif first:
                hits.append(Accepted(candidate, chain.length))
            else:
                rejected[CONTINUED] += 1
        return Settled(entry.outcome, tuple(hits), rejected)


def same_place(earlier: Candidate, later: Candidate) -> bool:
    """Whether at least half of the smaller cluster's pixels are pixels of the other."""
    if (
        later.rows[0] > earlier.rows[-1]
        or later.rows[-1] < earlier.rows[0]
        or later.cols.min() > earlier.cols.max()
        or later.cols.max() < earlier.cols.min()
    ):
        return False
    before = set(zip(earlier.rows.tolist(), earlier.cols.tolist(), strict=True))
    shared = sum(
        pixel in before for pixel in zip(later.rows.tolist(), later.cols.tolist(), strict=True)
    )
    return 2 * shared >= min(len(before), later.area_px)
