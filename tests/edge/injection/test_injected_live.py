"""A live loop that measures itself: its checkpoint, its records, its health."""

from __future__ import annotations

from typing import Any

import pytest

from edge.clock import SystemClock
from edge.config.load import BadConfig, load_config
from edge.delivery import Outbox
from edge.live.health import health
from edge.messages.envelope import envelope
from edge.messages.exposure import ExposureMessage
from edge.report import summary_counts
from tests.edge.live.rig import Rig, frame

MEASURED = {"injection__share": 0.1, "zero_bias__share": 0.1, "zero_bias__window_px": 5}
CALIBRATING, FRAMES = 20, 320


def run(**settings: Any) -> Rig:
    rig = Rig(**settings)
    for sequence in range(FRAMES):
        rig.loop.push(frame(sequence, *([(20, 30)] if sequence == 100 else [])))
    return rig


@pytest.fixture(scope="module")
def measured() -> Rig:
    return run(**MEASURED)


def records(rig: Rig) -> list[dict[str, Any]]:
    return [draft.body for draft in rig.drafts if draft.kind == "exposure"]


def test_a_checkpoint_carries_what_was_measured_until_then(measured):
    body = measured.checkpoints[-1]["body"]
    zero_bias, injection = body["zero_bias"], body["injection"]
    assert 10 < zero_bias["windows"] < 60
    assert sum(zero_bias["counts"]) == zero_bias["windows"] * 25
    assert 10 < injection["injected"] < 60
    assert injection["found"] > 0
    message = envelope("exposure", body, rig="a", epoch="0" * 8, seq=1, floor=1, origin="camera")
    ExposureMessage.model_validate(message)


def test_hits_and_candidates_are_those_of_the_frames_alone(measured):
    plain = run()
    for rig in (measured, plain):
        rig.loop.finish()
    assert [draft.body["frame"] for draft in measured.drafts if draft.kind == "hit"] == [100]
    for key in ("frames", "live_time_ns", "candidates", "hits", "rejected"):
        assert [one[key] for one in records(measured)] == [one[key] for one in records(plain)]
    assert all("injection" not in one for one in records(plain))
    assert {draft.origin for draft in measured.drafts} == {"camera"}


def test_health_and_summary_tell_the_efficiency_briefly(measured, tmp_path):
    clock = SystemClock()
    outbox = Outbox.open(tmp_path, "rig", max_bytes=10**7)
    try:
        told = health(measured.reporter, outbox, clock, 10.0, "watching")
        silent = health(run().reporter, outbox, clock, 10.0, "watching")
    finally:
        outbox.close()
    summary = summary_counts(measured.reporter, 1.0)["injection"]
    assert told["counters"]["injected"] == summary["injected"] > 0
    assert told["counters"]["injected_found"] == summary["found"]
    assert told["gauges"]["efficiency"] == summary["efficiency"]
    assert "injected" not in silent["counters"]
    assert "efficiency" not in silent["gauges"]


def test_a_record_that_was_lost_gives_its_samples_to_the_next():
    rig = run(exposure__period_s=2.0, **MEASURED)
    rig.full = True
    for sequence in range(FRAMES, FRAMES + 120):
        rig.loop.push(frame(sequence))
    rig.full = False
    rig.loop.finish()
    told = records(rig)
    total = rig.reporter.so_far()
    assert sum(one["injection"]["injected"] for one in told) == total.injection.injected.total()
    assert sum(one["zero_bias"]["windows"] for one in told if one["zero_bias"]) == (
        total.zero_bias.windows
    )


def test_with_no_window_the_record_says_null():
    rig = run(zero_bias__share=0.0)
    rig.loop.finish()
    assert [one["zero_bias"] for one in records(rig)] == [None] * len(records(rig))


def test_the_credo_preset_is_refused_in_one_line():
    with pytest.raises(BadConfig, match=r"\[injection\]: share must be 0 with the credo preset"):
        load_config(None, {"trigger.preset": "credo", "injection.share": 0.01})
    with pytest.raises(
        BadConfig, match=r"\[injection\] share must be a number from 0 to 0.1, not 0.2"
    ):
        load_config(None, {"injection.share": 0.2})
