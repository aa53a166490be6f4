"""Live and dead time of a simulated camera with known losses, to the nanosecond.

The truth is the simulator's own: which frames never came or came cut short, and how far the clock
was off. From it the test works out by itself what a rig must say.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest

from edge.clock import RecordedClock
from edge.frame import BadFrame, Frame, Origin, SensorMode, Series
from edge.messages.utc import format_utc_ns, parse_utc_ns
from edge.sources.simulated import SimulatedSource, mode_of
from edge.timeline import LiveTimeline
from simulator import Simulation, SimulationSpec
from tests.edge.live.rig import Rig
from tests.edge.stacks import check_sums, replay

S = 1_000_000_000
START = 10**15
FRAMES = 400
CALIBRATING = 20
QUIET = SimulationSpec(
    width_px=64, height_px=48, seed=3, hits_per_min=0.0, hot_pixels=0, telegraph_pixels=0
)
MASKED = 37
BINS = (
    "expected",
    "received",
    "missing",
    "processed",
    "calibrating",
    "uncovered",
    "dropped",
    "bad",
)
LOSSES: dict[str, dict[str, float]] = {
    "none": {},
    "single drops": {"drop_rate": 0.06},
    "runs of drops": {"drop_rate": 0.5},
    "hangs": {"hang_at_s": 2.0, "hang_s": 0.7, "hang_every_s": 3.1},
    "bad frames": {"bad_rate": 0.08},
    "a clock set back": {"jump_at_s": 5.0, "jump_s": -1.517},
    "a clock set far forward": {"jump_at_s": 5.0, "jump_s": 7200.0},
    "drops before a clock goes back and forth": {
        "drop_rate": 0.08,
        "jump_at_s": 5.0,
        "jump_s": -1.5,
        "jump_every_s": 4.0,
    },
    "all at once": {
        "drop_rate": 0.06,
        "bad_rate": 0.05,
        "resize_rate": 0.01,
        "hang_at_s": 2.0,
        "hang_s": 0.7,
        "hang_every_s": 3.1,
        "jump_at_s": 7.03,
        "jump_s": -1.517,
    },
}
_TELLING = "drops before a clock goes back and forth"


@dataclass(frozen=True)
class Camera:
    """The simulated camera as a recording in memory; implements Series and Recording.

    `blind`: its counter goes on without gaps, whatever was lost.
    """

    spec: SimulationSpec
    blind: bool = False
    name: str = ""
    path: str = "camera"
    digest: str = "0" * 64
    origin: Origin = "simulation"
    warnings: tuple[str, ...] = ()
    count: int = FRAMES

    @property
    def mode(self) -> SensorMode:
        return mode_of(self.spec)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame | BadFrame]:
        source = SimulatedSource(self.spec, paced=False, frames=FRAMES, start_ns=START)
        for index, one in itertools.islice(enumerate(source.frames()), start, stop):
            yield replace(one, index=index, sequence=index if self.blind else one.sequence)

    def series(self) -> list[Series]:
        return [self]


@dataclass(frozen=True)
class Sums:
    """What a rig says, and what it must say."""

    frames: dict[str, int]
    live_time_ns: int
    dead_time_ns: dict[str, int]


def truth_of(spec: SimulationSpec, calibrating: int, vetoed_px: int = 0) -> Sums:
    """Work out the sums from what the simulator knows."""
    simulation, mode = Simulation(spec), mode_of(spec)
    exposure, duration = mode.exposure_ns or 0, mode.frame_duration_ns or 0
    dead: Counter[str] = Counter()
    frames: Counter[str] = Counter()
    looked, end = 0, None
    lost: list[str] = []
    for slot in range(FRAMES):
        faults = simulation.faults(slot)
        if faults.dropped or faults.truncated or faults.resized:
            # A frame of another size has a time, and is bad all the same.
            lost.append("missing" if faults.dropped else "bad")
            continue
        start = START + slot * duration + simulation.time_shift_ns(slot)
        gap = 0 if end is None else start - end
        if end is not None and gap > 0:
            causes = Counter(lost) or Counter(between_frames=1)
            shares = {cause: gap * count // causes.total() for cause, count in causes.items()}
            shares[min(causes)] += gap - sum(shares.values())
            dead.update(shares)
        if end is None:
            lost = [one for one in lost if one != "missing"]  # none was seen before
        frames.update(lost)
        lost = []
        fate = "calibrating" if frames["calibrating"] < calibrating else "processed"
        frames[fate] += 1
        if fate == "processed":
            looked += exposure
        else:
            dead[fate] += exposure
        end = start + exposure
    # What was lost last shows only as far as something came behind it.
    frames.update(lost[: len(lost) - lost[::-1].index("bad")] if "bad" in lost else [])
    vetoed = looked * vetoed_px // (mode.width_px * mode.height_px)
    if vetoed:
        dead["vetoed_area"] = vetoed
    names = ("processed", "calibrating", "bad", "missing")
    return Sums({name: frames[name] for name in names}, looked - vetoed, dict(+dead))


def sums_of(summary: dict[str, Any]) -> Sums:
    """Sums of a replay's summary."""
    frames = {name: summary[name] for name in BINS}
    dead = {cause: round(s * S) for cause, s in summary["dead_time_by_cause_s"].items() if s}
    return Sums(frames, round(summary["live_time_s"] * S), dead)


def live(camera: Camera, **settings: Any) -> tuple[Sums, list[dict[str, Any]]]:
    """Push the camera's frames through the live loop."""
    rig = Rig(
        timeline=LiveTimeline(), clock=RecordedClock(), calibration__frames=CALIBRATING, **settings
    )
    for item in camera.frames():
        rig.loop.push(item)
    rig.loop.finish()
    total = rig.reporter.so_far()
    said = Sums(total.frame_counts(), total.live_time_ns, dict(+total.dead_time_ns))
    return said, [draft.body for draft in rig.drafts if draft.kind == "exposure"]


def check(said: Sums, truth: Sums, records: list[dict[str, Any]]) -> None:
    """Compare with the truth; the sums over the records are those of the run."""
    assert said.live_time_ns == truth.live_time_ns
    assert said.dead_time_ns == truth.dead_time_ns
    for name, count in truth.frames.items():
        assert said.frames[name] == count, name
    assert said.frames["expected"] == sum(truth.frames.values())
    assert said.frames["uncovered"] == said.frames["dropped"] == 0
    for name, count in said.frames.items():
        assert sum(record["frames"][name] for record in records) == count
    assert sum(record["live_time_ns"] for record in records) == said.live_time_ns
    dead: Counter[str] = Counter()
    for record in records:
        dead.update(record["dead_time_ns"])
    assert +dead == said.dead_time_ns


def cases() -> list[Any]:
    """Every kind of loss, told by the counter or hidden by it."""
    return [
        pytest.param(losses, blind, id=f"{name}, {'hidden' if blind else 'told'}")
        for name, losses in LOSSES.items()
        for blind in (False, True)
        if not (blind and name == _TELLING)  # then nothing tells a step from a loss
    ]


@pytest.mark.parametrize(("losses", "blind"), cases())
def test_the_live_loop_tells_every_nanosecond(losses: dict[str, float], blind: bool) -> None:
    spec = replace(QUIET, **losses)
    said, records = live(Camera(spec, blind), exposure__period_s=2.0)
    assert len(records) >= 3
    check(said, truth_of(spec, CALIBRATING), records)


@pytest.mark.parametrize(("losses", "blind"), cases())
def test_a_replay_tells_the_same(losses: dict[str, float], blind: bool, tmp_path: Path) -> None:
    spec = replace(QUIET, **losses)
    done = replay(
        Camera(spec, blind), tmp_path / "hits.jsonl", workers=1 + blind, exposure__period_s=2.0
    )
    summary, records = done.summary, done.exposures
    truth = truth_of(spec, calibrating=0)
    check(sums_of(summary), truth, records)
    if not any(name.startswith("jump") for name in losses):
        check_sums(done)


Way = Literal["live", "replay"]


@pytest.mark.parametrize("way", ["live", "replay"])
def test_the_share_of_masked_pixels_is_taken_from_the_live_time_exactly(
    way: Way, tmp_path: Path
) -> None:
    listed = tmp_path / "defects.csv"
    rows = [f"{1 + n % 60},{2 + n // 60 * 3 + n % 7},masked" for n in range(MASKED)]
    listed.write_text("x,y,kind\n" + "\n".join(rows) + "\n")
    spec = replace(QUIET, drop_rate=0.06)
    settings: dict[str, Any] = {
        "calibration__follow": False,
        "calibration__defects_file": str(listed),
        "exposure__period_s": 1.0,
    }
    if way == "live":
        said, records = live(Camera(spec), **settings)
        calibrating = CALIBRATING
    else:
        done = replay(Camera(spec), tmp_path / "hits.jsonl", **settings)
        said, records, calibrating = sums_of(done.summary), done.exposures, 0
        check_sums(done)
    assert records[-1]["sensor"]["masked_px"] == MASKED
    truth = truth_of(spec, calibrating, vetoed_px=MASKED)
    assert truth.dead_time_ns["vetoed_area"] > 0
    check(said, truth, records)


def test_the_time_since_a_run_that_was_killed_is_dead_to_the_nanosecond() -> None:
    rig = Rig(
        timeline=LiveTimeline(),
        clock=RecordedClock(),
        calibration__frames=CALIBRATING,
        exposure__period_s=2.0,
    )
    gap_ns = 7 * S + 13
    rig.reporter.resume_after(format_utc_ns(START - gap_ns))
    spec = replace(QUIET, drop_rate=0.06)
    for item in Camera(spec).frames():
        rig.loop.push(item)
    rig.loop.finish()
    records = [draft.body for draft in rig.drafts if draft.kind == "exposure"]
    assert [record["dead_time_ns"].get("restart", 0) for record in records] == [
        gap_ns,
        *[0] * (len(records) - 1),
    ]
    assert parse_utc_ns(records[0]["from_utc"]) == START - gap_ns
    for record in records:
        filled = record["live_time_ns"] + sum(record["dead_time_ns"].values())
        assert filled == parse_utc_ns(record["to_utc"]) - parse_utc_ns(record["from_utc"])
    # The run itself says nothing of the time before it: its own sums are those of any other run.
    total, truth = rig.reporter.so_far(), truth_of(spec, CALIBRATING)
    assert total.live_time_ns == truth.live_time_ns
    assert dict(+total.dead_time_ns) == truth.dead_time_ns
