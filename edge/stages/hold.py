"""The hold: a candidate is a hit only when the next frames show that it went away.

A badly covered camera or a pixel that stays lit makes the same candidate in frame after frame
(the CREDO slides name it; no public system rejects it). What is lit at one place in more than
`frames` consecutive frames is an artefact, unless it fades from frame to frame as an afterglow
does; what is lit in fewer, or fades, is one hit, with the first frame's time.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.detection import Candidate
from edge.stages.chain import Chain, Verdict
from edge.stages.outcome import Accepted, Outcome, Refused, Settled

_MOST_UNSEEN = 64
"""Frames in a row that were not looked at (cover lifted, faults) after which nothing goes on."""

MULTI_FRAME = "multi_frame"
CONTINUED = "continued"
FLOOD = "flood"


class Watch(Protocol):
    """Hears of what lit as no particle does."""

    def stayed(self, chain: Chain) -> None:
        """Something is lit for longer than the hold allows."""

    def switched(self, chain: Chain) -> str | None:
        """A lone pixel stayed at one level for a few frames; a reason to reject it, or None."""

    def passed(self) -> None:
        """A hit of more than a pixel was made."""

    def flashed(self, candidate: Candidate, raised: bool) -> str | None:
        """A lone pixel was lit in one frame, and was `raised` before or after it."""


@dataclass(slots=True, eq=False)
class _Waiting:
    outcome: Outcome
    refused: list[Refused]
    held: list[tuple[Candidate, Chain, bool]] = field(default_factory=list)
    later: int = 0
    near: list[NDArray[np.int64]] = field(default_factory=list)


class Hold:
    """Delays frames, in order, until each of their candidates is decided.

    Parameters
    ----------
    frames : int
        A candidate may be lit in this many consecutive frames (0: no hold). Frames that were
        not looked at in between show nothing; after 64 of them in a row what is lit is new.
    watch : Watch, optional

    Attributes
    ----------
    pixel_px : int
        What a single pixel lights: more than itself where a camera mixes neighbours.
    """

    def __init__(self, frames: int = 3, watch: Watch | None = None) -> None:
        self._frames = frames
        self._watch = watch
        self.pixel_px = 1
        self._most_waiting = 2 * frames + _MOST_UNSEEN
        self._unseen = 0
        self._waiting: deque[_Waiting] = deque()
        self._alive: list[Chain] = []
        self._looked: deque[NDArray[np.int64]] = deque(maxlen=max(frames, 1))

    def continues(self, candidate: Candidate) -> bool:
        """Whether the candidate goes on from the last processed frame."""
        return self._find(candidate) is not None

    def push(
        self, outcome: Outcome, passed: Sequence[Candidate] = (), refused: Sequence[Refused] = ()
    ) -> Iterator[Settled]:
        """Take a frame with what the vetoes let pass and what not; yield the frames now settled.

        What goes on from a refused candidate in the next frame is no new thing.
        """
        looked = outcome.looked
        idle = not (passed or refused or self._waiting or self._alive)
        if idle and outcome.fate == "processed" and not outcome.flood:
            self._unseen = 0
            if looked is not None:
                self._looked.append(looked)
            return iter((Settled(_let_go(outcome)),))  # most frames: nothing lit, nothing waits
        outcome = _let_go(outcome)
        entry = _Waiting(outcome, list(refused))
        if outcome.fate == "processed" and not outcome.flood:
            for earlier in self._waiting:
                earlier.later += 1
            self._note_looked(entry, looked)
            self._link(entry, passed, [one.candidate for one in refused])
            self._unseen = 0
        else:
            self._unseen += outcome.count
            if self._unseen > _MOST_UNSEEN:
                self._alive = []
        self._waiting.append(entry)
        return self._release()

    def _note_looked(self, entry: _Waiting, looked: NDArray[np.int64] | None) -> None:
        """Keep for each frame that waits which pixels stood out shortly before and after it."""
        if looked is None:
            return
        for earlier in self._waiting:
            if earlier.later <= self._frames:
                earlier.near.append(looked)
        entry.near.extend(self._looked)
        self._looked.append(looked)

    def spoil(self, reason: str) -> None:
        """Refuse all candidates that wait: their frames were not dark either."""
        for entry in self._waiting:
            if entry.held:
                entry.refused += [Refused(candidate, reason) for candidate, _, _ in entry.held]
                entry.held = []
                entry.outcome = replace(entry.outcome, fate="uncovered", reason=reason)

    def recall(self, pixel: Candidate, reason: str) -> None:
        """Refuse what waits of a lone pixel, now that it lit again."""
        for entry in self._waiting:
            again = [one for one in entry.held if self._is_same_pixel(one[0], pixel)]
            entry.refused += [Refused(candidate, reason) for candidate, _, _ in again]
            entry.held = [one for one in entry.held if one not in again]

    def _is_same_pixel(self, one: Candidate, other: Candidate) -> bool:
        lone = max(one.area_px, other.area_px) <= self.pixel_px
        return lone and one.y_px == other.y_px and one.x_px == other.x_px

    def flush(self) -> Iterator[Settled]:
        """No frame follows: settle all that waits."""
        self._alive = []
        self._unseen = 0
        while self._waiting:
            yield self._settle(self._waiting.popleft())

    def _link(
        self, entry: _Waiting, passed: Sequence[Candidate], vetoed: Sequence[Candidate]
    ) -> None:
        """Tie each candidate to the chain it goes on from, or start one."""
        hidden = [chain for chain in self._alive if self._is_hidden(chain, passed)]
        parts: dict[int, tuple[Chain, list[Candidate]]] = {}
        for i, candidate in enumerate([*passed, *vetoed]):
            before = self._find(candidate)
            chain = before if before is not None else Chain(candidate, pixel_px=self.pixel_px)
            parts.setdefault(id(chain), (chain, []))[1].append(candidate)
            if i < len(passed):
                entry.held.append((candidate, chain, before is None))
        for chain, candidates in parts.values():
            chain.go_on(candidates, self._frames)
            if self._frames and chain.length == self._frames + 1:
                self._tell(chain)
        for chain in hidden:
            if id(chain) not in parts:
                chain.stand()
                parts[id(chain)] = (chain, chain.last)
        self._alive = [chain for chain, _ in parts.values()]

    def _tell(self, chain: Chain) -> None:
        if self._watch is not None and chain.verdict(self._frames) is Verdict.STAYED:
            self._watch.stayed(chain)

    def _is_hidden(self, chain: Chain, candidates: Sequence[Candidate]) -> bool:
        """Whether a particle fell across a pixel that has long been lit."""
        return chain.length > self._frames and any(
            chain.is_across(candidate) and _goes_on(chain, candidate) for candidate in candidates
        )

    def _find(self, candidate: Candidate) -> Chain | None:
        if self._frames == 0:
            return None
        found: Chain | None = None
        for chain in self._alive:
            if found is not None and chain.length <= found.length:
                continue
            across = chain.length > self._frames and chain.is_across(candidate)
            if not across and _goes_on(chain, candidate):
                found = chain
        return found

    def _release(self) -> Iterator[Settled]:
        while self._waiting and self._is_ready(self._waiting[0]):
            yield self._settle(self._waiting.popleft())

    def _is_ready(self, entry: _Waiting) -> bool:
        if not entry.held or entry.later >= self._frames:
            return True
        return len(self._waiting) > self._most_waiting

    def _settle(self, entry: _Waiting) -> Settled:
        hits: list[Accepted] = []
        refused = list(entry.refused)
        for candidate, chain, first in entry.held:
            reason = self._reason(chain, first) or self._flashed(entry, candidate, chain)
            if reason is None:
                hits.append(Accepted(candidate, chain.length))
                if self._watch is not None and not chain.is_lone:
                    self._watch.passed()
            else:
                refused.append(Refused(candidate, reason))
        rejected = Counter(one.reason for one in refused)
        if entry.outcome.flood:
            rejected[FLOOD] += 1
        return Settled(entry.outcome, tuple(hits), rejected, tuple(refused))

    def _reason(self, chain: Chain, first: bool) -> str | None:
        if self._frames == 0:
            return None
        verdict = chain.verdict(self._frames)
        if verdict is Verdict.STAYED:
            return MULTI_FRAME
        if not first:
            return CONTINUED
        if verdict is Verdict.SWITCHED and self._watch is not None:
            return self._watch.switched(chain)
        return None

    def _flashed(self, entry: _Waiting, candidate: Candidate, chain: Chain) -> str | None:
        """Ask what to make of a lone pixel that was lit in one frame."""
        stamp = entry.outcome.stamp
        lone = chain.length == 1 and chain.is_lone and chain.is_alone
        if not self._frames or not lone or self._watch is None or stamp is None:
            return None
        pixel = candidate.y_px * stamp.mode.width_px + candidate.x_px
        return self._watch.flashed(candidate, _is_near(pixel, entry.near))


def _let_go(outcome: Outcome) -> Outcome:
    """The outcome without what was only there to be looked at: it may wait, and is large.

    Written out: it is done for every frame, and `dataclasses.replace` takes three times as long.
    """
    if outcome.looked is None and outcome.sample is None:
        return outcome
    return Outcome(
        outcome.fate,
        outcome.stamp,
        outcome.candidates,
        outcome.flood,
        outcome.count,
        outcome.reason,
        zero_bias=outcome.zero_bias,
        injected=outcome.injected,
        trial=outcome.trial,
    )


def _is_near(pixel: int, looked: Sequence[NDArray[np.int64]]) -> bool:
    for flat in looked:
        at = int(np.searchsorted(flat, pixel))
        if at < len(flat) and flat[at] == pixel:
            return True
    return False


def _goes_on(chain: Chain, candidate: Candidate) -> bool:
    return any(same_place(last, candidate) for last in chain.last)


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
