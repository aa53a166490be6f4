"""What depends on the order of frames: runs behind the pixel pass, one frame after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from edge.config.model import Config
from edge.detection import Candidate
from edge.injection.judging import judge_injected
from edge.stages.frame_veto import FrameVeto
from edge.stages.hold import Hold
from edge.stages.outcome import Outcome, Settled, Suspect
from edge.stages.repeat import RepeatVeto
from edge.timeline import Timeline

_NS = 1_000_000_000


class OrderStage:
    """Vetoes and hold: outcomes in, in order; settled frames out, in order.

    The same for a replay with any number of workers and for a live camera.
    """

    def __init__(self, veto: FrameVeto, repeat: RepeatVeto, hold: Hold, timeline: Timeline) -> None:
        self._veto = veto
        self._repeat = repeat
        self._hold = hold
        self._timeline = timeline
        self._suspects: list[Suspect] = []

    def take_suspects(self) -> list[Suspect]:
        """Pixels found to light as no particle does since this was last asked."""
        suspects, self._suspects = self._suspects, []
        return suspects

    def push(self, outcome: Outcome) -> Iterator[Settled]:
        """Take the next frame; yield the frames that are settled by it."""
        if outcome.sample is not None:
            outcome = replace(outcome, sample=None)  # the hold must not keep it
        if outcome.stamp is not None:
            time_ns = self._timeline.start_ns(outcome.stamp)  # it wants to be asked in order
            outcome = judge_injected(outcome, self._veto, self._would_refuse, time_ns)
        if outcome.flood:
            return self._hold.push(outcome, (), Counter(flood=1))
        return self._hold.push(outcome, *self._judge(outcome))

    def flush(self) -> Iterator[Settled]:
        """Settle what waits: no frame follows."""
        return self._hold.flush()

    def restart(self) -> Iterator[Settled]:
        """Settle what waits and forget all places: frames of another mode or series follow."""
        self._repeat.clear()
        return self._hold.flush()

    def _judge(self, outcome: Outcome) -> tuple[list[Candidate], Counter[str], list[Candidate]]:
        """Sort a frame's candidates into passed, reasons of the rejected, vetoed by the frame."""
        passed: list[Candidate] = []
        vetoed: list[Candidate] = []
        rejected: Counter[str] = Counter()
        stamp = outcome.stamp
        if stamp is None or not outcome.candidates:
            return passed, rejected, vetoed
        time_ns = self._timeline.start_ns(stamp)
        mode = stamp.mode
        reasons = self._veto.reasons(outcome.candidates, mode.height_px, mode.width_px)
        for candidate, reason in zip(outcome.candidates, reasons, strict=True):
            verdict = reason or self._hot(candidate, time_ns)
            if verdict is None:
                passed.append(candidate)
            else:
                rejected[verdict] += 1
            if reason is not None:
                vetoed.append(candidate)
        return passed, rejected, vetoed

    def _would_refuse(self, candidate: Candidate, time_ns: int) -> bool:
        """Whether a candidate's place is hot; remembers nothing of being asked."""
        if candidate.unproven_hot:
            return True
        return self._repeat.would_refuse(candidate.y_px, candidate.x_px, time_ns)

    def _hot(self, candidate: Candidate, time_ns: int) -> str | None:
        """A place counts once for as long as it stays lit without a break."""
        if self._hold.continues(candidate):
            return None
        if candidate.unproven_hot:
            return "hot_pixel"
        hot = self._repeat.refuses(candidate.y_px, candidate.x_px, time_ns)
        return "hot_pixel" if hot else None


def order_stage(config: Config, timeline: Timeline) -> OrderStage:
    """Vetoes and hold as configured; all off under the `credo` preset, as in the app."""
    if config.trigger.preset == "credo":
        return OrderStage(FrameVeto(row_column=False), RepeatVeto(0), Hold(0), timeline)
    veto = config.veto
    return OrderStage(
        FrameVeto(row_column=veto.row_column, edge_px=veto.edge_px),
        RepeatVeto(veto.hot_repeat_count, int(veto.hot_repeat_window_s * _NS)),
        Hold(config.hold.frames),
        timeline,
    )
