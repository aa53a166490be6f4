"""What depends on the order of frames: runs behind the pixel pass, one frame after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from edge.config.model import Config
from edge.detection import Candidate, FrameStamp
from edge.expected import muons_per_s
from edge.frame import SensorMode
from edge.injection.judging import judge_injected
from edge.stages.bursts import BURST
from edge.stages.cover import LEAK, SETTLING, CoverState, frame_ns
from edge.stages.frame_veto import FrameVeto
from edge.stages.history import History, HistoryRules
from edge.stages.hold import Hold
from edge.stages.outcome import Outcome, Refused, Settled, Suspect
from edge.stages.places import HOT_PIXEL, SPREAD_PX, TELEGRAPH
from edge.stages.refusal import RefusedSample
from edge.stages.ticks import Ticks
from edge.stages.watch import PixelWatch
from edge.timeline import Timeline

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class OrderRules:
    """What the order stage does.

    Attributes
    ----------
    veto : FrameVeto
    history : HistoryRules or None
        None: what came before counts for nothing.
    hold_frames : int
        A candidate may be lit in so many frames (0: no hold).
    settle_ns : int
        How long frames must be dark after light (0: look at once, and take no run for a leak).
    period_ns : int
        Time in which the first refused candidate of each reason is kept.
    expected_per_s : callable
        Muons expected in a second, given the mode.
    """

    veto: FrameVeto = field(default_factory=FrameVeto)
    history: HistoryRules | None = field(default_factory=HistoryRules)
    hold_frames: int = 3
    settle_ns: int = _NS
    period_ns: int = 60 * _NS
    expected_per_s: Callable[[SensorMode], float] = lambda mode: 0.0


class OrderStage:
    """Vetoes and hold: outcomes in, in order; settled frames out, in order.

    The same for a replay with any number of workers and for a live camera.
    """

    def __init__(self, rules: OrderRules, timeline: Timeline) -> None:
        self._rules = rules
        self._timeline = timeline
        self._watch = PixelWatch()
        self._hold = Hold(rules.hold_frames, self._watch)
        self._cover = CoverState(rules.settle_ns)
        self._refused = RefusedSample(rules.period_ns)
        self._ticks = Ticks()
        self._history: History | None = None
        self._unstable_px = 0

    def expect(self, unstable_px: int, pixel_px: int = 1) -> None:
        """Hear from the calibration how many pixels blink, and how many one of them lights."""
        self._unstable_px = unstable_px
        self._hold.pixel_px = pixel_px
        if self._history is not None:
            self._begin_watch(self._history)

    def _begin_watch(self, history: History) -> None:
        history.places.pixel_px = self._hold.pixel_px
        self._watch.begin(history.places, self._unstable_px)

    @property
    def hot_places_px(self) -> int:
        """Pixels at which candidates are refused, masked or not."""
        return 0 if self._history is None else self._history.places.hot_area_px

    def take_suspects(self) -> list[Suspect]:
        """Pixels found to light as no particle does since this was last asked."""
        return self._watch.take()

    def push(self, outcome: Outcome) -> Iterator[Settled]:
        """Take the next frame; return the frames that are settled by it."""
        stamp = outcome.stamp
        if stamp is None:
            return self._thinned(self._hold.push(outcome))
        # The timeline wants to be asked in order.
        now_ns = self._ticks.advance(self._timeline.start_ns(stamp), frame_ns(stamp))
        history = self._history_of(stamp.mode)
        self._watch.now_ns = history.live_ns if history is not None else now_ns
        outcome = self._injected(self._cover.judge(outcome), history)
        if outcome.fate == "uncovered":
            return self._thinned(self._push_uncovered(outcome, stamp, history))
        if outcome.fate != "processed" or outcome.flood:
            return self._thinned(self._hold.push(outcome))
        return self._thinned(self._push_dark(outcome, stamp, history, now_ns))

    def flush(self) -> Iterator[Settled]:
        """Settle what waits: no frame follows."""
        return self._thinned(self._hold.flush())

    def restart(self) -> Iterator[Settled]:
        """Settle what waits and forget all places: frames of another mode or series follow."""
        settled = self._thinned(self._hold.flush())
        self._history = None
        self._cover.clear()
        self._unstable_px, self._hold.pixel_px = 0, 1
        self._watch.begin(None)
        return settled

    def _history_of(self, mode: SensorMode) -> History | None:
        if self._history is None and self._rules.history is not None:
            expected = self._rules.expected_per_s(mode)
            self._history = History(self._rules.history, mode.height_px, mode.width_px, expected)
            self._begin_watch(self._history)
        return self._history

    def _injected(self, outcome: Outcome, history: History | None) -> Outcome:
        if outcome.injected is None:
            return outcome
        if outcome.fate != "processed":
            return replace(outcome, injected=None)  # nobody looked: it says nothing

        def would_refuse(candidate: Candidate) -> str | None:
            if history is None:
                return None
            return history.would_refuse(candidate)

        return judge_injected(outcome, self._rules.veto, would_refuse)

    def _push_uncovered(
        self, outcome: Outcome, stamp: FrameStamp, history: History | None
    ) -> Iterator[Settled]:
        """What lit just before light is light as well; what lights while it settles is refused."""
        if outcome.reason != SETTLING:
            if not self._cover.stands_alone(stamp):
                self._hold.spoil(LEAK)
        elif self._is_light_again(outcome, stamp, history):
            self._cover.lifted(stamp)
            outcome = replace(outcome, reason=LEAK)
        return self._hold.push(
            outcome, (), [Refused(candidate, outcome.reason) for candidate in outcome.candidates]
        )

    def _is_light_again(self, outcome: Outcome, stamp: FrameStamp, history: History | None) -> bool:
        if outcome.flood or history is None:
            return outcome.flood
        new = [one for one in outcome.candidates if history.would_refuse(one) is None]
        return history.leak.is_many(len(new), stamp)

    def _push_dark(
        self, outcome: Outcome, stamp: FrameStamp, history: History | None, now_ns: int
    ) -> Iterator[Settled]:
        passed, new, refused = self._judge(outcome, stamp, history)
        if history is None:
            return self._hold.push(outcome, [*passed, *new], refused)
        if history.leak.goes_on(len(new), stamp) and not self._cover.stands_alone(stamp):
            self._hold.spoil(LEAK)
            self._cover.lifted(stamp)
            outcome = replace(outcome, fate="uncovered", reason=LEAK)
            refused += [Refused(candidate, LEAK) for candidate in [*passed, *new]]
            return self._hold.push(outcome, (), refused)
        if history.is_burst(len(new), stamp, now_ns):
            refused += [Refused(candidate, BURST) for candidate in new]
            new = []
        return self._hold.push(outcome, [*passed, *new], refused)

    def _judge(
        self, outcome: Outcome, stamp: FrameStamp, history: History | None
    ) -> tuple[list[Candidate], list[Candidate], list[Refused]]:
        """Sort a frame's candidates into what goes on, what is new and what is refused.

        A place counts once for as long as it stays lit without a break.
        """
        going_on: list[Candidate] = []
        new: list[Candidate] = []
        refused: list[Refused] = []
        mode = stamp.mode
        reasons = self._rules.veto.reasons(outcome.candidates, mode.height_px, mode.width_px)
        for candidate, vetoed in zip(outcome.candidates, reasons, strict=True):
            if vetoed is None and self._hold.continues(candidate):
                going_on.append(candidate)
                continue
            before = history.judge(candidate) if history and vetoed is None else None
            reason = vetoed or before
            if reason is None:
                new.append(candidate)
                continue
            refused.append(Refused(candidate, reason))
            if reason in (HOT_PIXEL, TELEGRAPH):
                self._watch.suspect([candidate], reason)
            if reason == TELEGRAPH:
                self._hold.recall(candidate, reason)
        hot = [one.candidate for one in refused if one.reason == HOT_PIXEL]
        if history is not None and len(new) > 1:
            hot += [one for one in new if history.places.has_lit_again(one)]
        new, beside = _parted(new, hot)
        return going_on, new, [*refused, *beside]

    def _thinned(self, settled: Iterator[Settled]) -> Iterator[Settled]:
        """Settle at once, so that nothing hangs on when the caller looks."""
        now_ns = self._ticks.now_ns
        return iter([self._refused.thin(one, now_ns) for one in settled])


def _parted(new: list[Candidate], hot: list[Candidate]) -> tuple[list[Candidate], list[Refused]]:
    """Part what lights beside a hot pixel, in the very frame that it does, from the others."""
    if not hot:
        return new, []
    beside = {
        id(one)
        for one in new
        if any(
            max(abs(one.y_px - other.y_px), abs(one.x_px - other.x_px)) <= SPREAD_PX
            for other in hot
            if other is not one
        )
        and one not in hot
    }
    passed = [one for one in new if id(one) not in beside]
    return passed, [Refused(one, HOT_PIXEL) for one in new if id(one) in beside]


def order_stage(config: Config, timeline: Timeline) -> OrderStage:
    """Vetoes and hold as configured; all off under the `credo` preset, as in the app."""
    if config.trigger.preset == "credo":
        off = OrderRules(FrameVeto(row_column=False), None, hold_frames=0, settle_ns=0)
        return OrderStage(off, timeline)
    veto = config.veto
    history = HistoryRules(
        veto.hot_repeat_count,
        round(veto.hot_repeat_window_s * _NS),
        lines=veto.row_column,
        bursts=veto.burst,
    )
    rules = OrderRules(
        FrameVeto(row_column=veto.row_column, edge_px=veto.edge_px),
        history,
        config.hold.frames,
        round(config.cover.settle_s * _NS),
        round(config.exposure.period_s * _NS),
        lambda mode: muons_per_s(config, mode),
    )
    return OrderStage(rules, timeline)
