"""What a rig says of its own efficiency is what the truth says of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge.config.load import load_config
from edge.config.model import InjectionConfig
from edge.injection.tally import EDGES_SIGMA, InjectionTally
from edge.injection.trial import Trial
from edge.monitor.monitor import monitor_of
from edge.presets import make_learner
from edge.sources.simulated import SimulatedSource, mode_of
from edge.stages.exposure import ExposureAccount
from edge.stages.frames import scan_all
from edge.stages.order import order_stage
from edge.timeline import RecordedTimeline
from edge.tracking import tracking
from simulator import SimulationSpec

FRAMES, CALIBRATING = 600, 150
# A low gain: particles of all classes lie near the threshold.
SPEC = SimulationSpec(
    width_px=160,
    height_px=144,
    hits_per_min=30 * 60 * 1.5,
    gain=0.4,
    hot_pixels=20,
    telegraph_pixels=0,
    seed=11,
)


@pytest.fixture(scope="module")
def both() -> tuple[InjectionTally, InjectionTally]:
    """The rig's own sums, and those of the truth, from the same frames."""
    # A copy of every frame, beyond what a rig may spend, so that the comparison is sharp.
    every = InjectionConfig().model_copy(update={"share": 1.0, "adu_per_e": SPEC.adu_per_e})
    config = load_config(None, {"calibration.frames": CALIBRATING})
    config = config.model_copy(update={"injection": every})
    source = SimulatedSource(SPEC, paced=False, frames=FRAMES, start_ns=0)
    frames, truths = [], {}
    for frame in source.frames():
        frames.append(frame)
        truths[frame.index] = source.truth(frame.index)
    learner = make_learner(config, mode_of(SPEC))
    for frame in frames[:CALIBRATING]:
        learner.add(frame)
    timeline = RecordedTimeline()
    order, account = order_stage(config, timeline), ExposureAccount(timeline)
    followed = tracking(learner.finish(), config)
    lit: dict[int, set[tuple[int, int]]] = {}

    def take(settled: Any) -> None:
        account.add(settled)
        for hit in settled.hits:
            pixels = zip(hit.candidate.rows.tolist(), hit.candidate.cols.tolist(), strict=True)
            lit.setdefault(settled.outcome.stamp.index, set()).update(pixels)

    for outcome in scan_all(frames, followed, 2, monitor_of(config)):
        followed.note(outcome)
        for settled in order.push(outcome):
            take(settled)
        followed.suspect(order.take_suspects())
    for settled in order.flush():
        take(settled)
    return account.open.injection, _truth(truths, lit)


def _truth(
    truths: dict[int, list[dict[str, Any]]], lit: dict[int, set[tuple[int, int]]]
) -> InjectionTally:
    tally = InjectionTally()
    for index, particles in truths.items():
        for one in particles:
            found = set(zip(one["rows"], one["cols"], strict=True)) & lit.get(index, set())
            tally.count(Trial(one["class"], one["peak_sigma"], "" if found else "missed"))
    return tally


def sums(tally: InjectionTally, low: float, high: float) -> dict[str, np.ndarray]:
    """Injected and found by class, where the brightest pixel is between two edges."""
    out: dict[str, np.ndarray] = {}
    for kind, i in tally.injected:
        if low <= EDGES_SIGMA[i] < high:
            part = tally.injected[kind, i], tally.found[kind, i]
            out[kind] = out.get(kind, np.zeros(2)) + part
    return out


def agree(told: np.ndarray, truth: np.ndarray) -> bool:
    """Whether two (tried, found) differ by no more than 3.5 of their joint binomial errors."""
    (injected, found), (tried, really) = told, truth
    share = (found + really + 1) / (injected + tried + 2)
    error = np.sqrt(share * (1 - share) * (1 / injected + 1 / tried))
    return bool(abs(found / injected - really / tried) < 3.5 * error)


@pytest.mark.parametrize(("low", "high"), [(4, 6), (6, 9), (9, 15), (15, 30)])
def test_efficiency_by_brightness_agrees_within_its_error_for_each_class(both, low, high):
    told, truth = (sums(tally, low, high) for tally in both)
    compared = [kind for kind in told if kind in truth and min(told[kind][0], truth[kind][0]) >= 12]
    assert compared
    for kind in compared:
        assert agree(told[kind], truth[kind]), (kind, told, truth)


def test_the_threshold_shows_in_both(both):
    for tally in both:
        dim, bright = (sum(sums(tally, *edges).values()) for edges in ((4, 6), (15, 30)))
        assert dim[1] / dim[0] < 0.5
        assert bright[1] / bright[0] > 0.9
