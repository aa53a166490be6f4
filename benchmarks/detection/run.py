"""One stream through every rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.detection import ours
from benchmarks.detection.contenders import CURVES, OURS, Contender, contenders
from benchmarks.detection.peers.credo_webcam import CredoWebcam
from benchmarks.detection.rule import Rule, View
from benchmarks.detection.streams import make_stream, native_black_adu, setting_of, stream_spec
from benchmarks.detection.tally import Score, Tally, Truth, score
from benchmarks.detection.views import Eye
from edge.frame import BadFrame, Recording
from edge.pixels.candidates import plain_pixels
from edge.sources import open_recording
from simulator.spec import SimulationSpec

Progress = Callable[[str, int, int], None]
"""Told what is done, and how many frames of how many."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule's result; `view` is what it saw, `family` what a plot joins."""

    name: str
    family: str
    view: View
    favour: str
    score: Score


@dataclass(frozen=True, slots=True)
class StreamResult:
    """All rules on one stream; ours first, then the peers in their order, each with every view."""

    preset: str
    frames: int
    particles: int
    clear: int
    entries: tuple[Entry, ...]

    @property
    def best(self) -> tuple[Entry, ...]:
        """One entry a rule: with the view that served it best."""
        chosen: dict[str, Entry] = {}
        for entry in self.entries:
            before = chosen.get(entry.name)
            if before is None or entry.score.merit > before.score.merit:
                chosen[entry.name] = entry
        return tuple(chosen.values())

    @property
    def shown(self) -> tuple[Entry, ...]:
        """The best of each: of a curve of thresholds the one that serves best."""
        curves: dict[str, Entry] = {}
        for entry in self.best:
            key = entry.family if entry.family in CURVES else entry.name
            before = curves.get(key)
            if before is None or entry.score.merit > before.score.merit:
                curves[key] = entry
        return tuple(curves.values())

    @property
    def ours(self) -> Entry:
        """The product's entry."""
        return next(entry for entry in self.entries if entry.name == OURS)


@dataclass(slots=True)
class _Running:
    contender: Contender
    view: View
    rule: Rule
    tally: Tally


def run_stream(
    preset: str,
    folder: Path,
    *,
    frames: int,
    seed: int = 1,
    rules: Sequence[Contender] | None = None,
    progress: Progress = lambda what, done, total: None,
) -> StreamResult:
    """Make a stream in `folder` (new or empty) and show it to every rule, and to the product."""
    spec = stream_spec(preset, frames, seed)
    stream = folder / "stream"
    truth_path = make_stream(spec, frames, stream, lambda n: progress("simulated", n, frames))
    truth = Truth.read(truth_path)
    recording = open_recording(str(stream))
    replayed = ours.replay(recording, folder, lambda n, total: progress("replayed", n, total))
    mine = ours.score_replayed(replayed, truth, frames, 1 / spec.fps, spec.exposure_ns * 1e-9)
    entries = [Entry(OURS, OURS, "native", "its defaults; every covered frame counts", mine)]
    entries += run_peers(recording, truth, spec, frames, rules, progress)
    good = truth.detectable
    clear = int((good & (truth.particles.peak_sigma >= 10)).sum())
    return StreamResult(preset, frames, int(good.sum()), clear, tuple(entries))


def run_peers(
    recording: Recording,
    truth: Truth,
    spec: SimulationSpec,
    frames: int,
    rules: Sequence[Contender] | None,
    progress: Progress,
) -> list[Entry]:
    """Read a stream once, handing every frame to every rule."""
    eye = Eye(spec.frame_bit_depth, native_black_adu(spec))
    setting = setting_of(spec, frames)
    running = [
        _Running(one, view, one.make(setting), Tally(truth))
        for one in (contenders() if rules is None else rules)
        for view in one.seen(eye.views)
    ]
    for frame in recording.series()[0].frames():
        if isinstance(frame, BadFrame):
            continue
        native = plain_pixels(frame)
        seen = {view: eye.see(native, view) for view in eye.views}
        for one in running:
            one.tally.add(frame.index, one.rule.look(seen[one.view]))
        if frame.release is not None:
            frame.release()
        if frame.index % 50 == 0:
            progress("peers", frame.index, frames)
    return [
        Entry(
            one.contender.name,
            one.contender.family,
            one.view,
            one.contender.favour,
            score(one.tally, 1 / spec.fps, notes=_notes(one.rule, frames)),
        )
        for one in running
    ]


def _notes(rule: Rule, frames: int) -> tuple[str, ...]:
    if not isinstance(rule, CredoWebcam) or rule.frames_until_quit is None:
        return ()
    lost = 1 - rule.frames_until_quit / frames
    times = "once" if rule.quits == 1 else f"{rule.quits} times"
    return (f"quit {times}; with nobody to restart it {lost:.0%} of the stream is lost",)
