"""A camera with every fault at once, for long: no exception, exact sums, flat memory."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.config.model import Config
from edge.frame import BadFrame, Frame, Origin, SensorMode, Series
from edge.replay import Replay
from edge.sources.simulated import SimulatedSource, mode_of
from simulator import SimulationSpec

SPEC = SimulationSpec(
    width_px=64,
    height_px=48,
    seed=11,
    hits_per_min=120.0,
    hot_pixels=20,
    warm_pixels=20,
    telegraph_pixels=10,
    temperature_drift_c=10.0,
    temperature_drift_s=600.0,
    row_noise_adu=0.3,
    column_noise_adu=0.2,
    leak_at_s=20.0,
    leak_s=5.0,
    leak_every_s=300.0,
    flashes_per_min=1.0,
    uncover_at_s=40.0,
    uncover_s=5.0,
    afterglow_share=0.1,
    birth_at_s=60.0,
    birth_pixels=5,
    column_at_s=70.0,
    column_s=10.0,
    first_row_noise_adu=3.0,
    drop_rate=0.01,
    bad_rate=0.005,
    repeat_rate=0.005,
    tear_rate=0.005,
    resize_rate=0.002,
    hang_at_s=30.0,
    hang_s=2.0,
    hang_every_s=200.0,
    jump_at_s=50.0,
    jump_s=-1.5,
    jump_every_s=150.0,
)
_GROWN_KB = 40_000
_BINS = ("processed", "calibrating", "uncovered", "dropped", "bad")


@dataclass(frozen=True)
class Stream:
    """A simulated camera as a recording that lies nowhere; implements Series and Recording."""

    count: int
    spec: SimulationSpec = SPEC
    name: str = ""
    path: str = "faults"
    digest: str = "0" * 64
    origin: Origin = "simulation"
    warnings: tuple[str, ...] = ()

    @property
    def mode(self) -> SensorMode:
        return mode_of(self.spec)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame | BadFrame]:
        source = SimulatedSource(self.spec, paced=False, frames=self.count, start_ns=0)
        return itertools.islice(source.frames(), start, stop)

    def series(self) -> list[Series]:
        return [self]


def resident_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("frames", [4000, pytest.param(100_000, marks=pytest.mark.prove)])
def test_with_every_fault_at_once_the_sums_are_exact_and_memory_stays_flat(
    frames: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    memory: dict[int, int] = {}

    def progress(done: int, total: int) -> None:
        if done % 1000 == 0:
            memory[done] = resident_kb()

    out = tmp_path / "hits.jsonl"
    summary = Replay(Stream(frames), Config(), out=out, workers=2, progress=progress).run().summary
    # The last frames may be among those that never came: nothing follows that shows it.
    assert 0 <= frames - summary["expected"] <= 5
    exposure = out.with_name(out.name + ".exposure.jsonl")
    records = [json.loads(line) for line in exposure.read_text().splitlines()]
    for counts in [summary, *(record["frames"] for record in records)]:
        assert counts["expected"] == counts["received"] + counts["missing"]
        assert counts["received"] == sum(counts[name] for name in _BINS)
    for part in [summary, *records]:
        assert part["candidates"] == part["hits"] + sum(part["rejected"].values())
    for name in ("candidates", "hits"):
        assert summary[name] == sum(record[name] for record in records)
    hits = len(out.read_text().splitlines())
    assert hits == summary["hits"] > 0
    assert {"truncated", "changed_size"} <= set(summary["bad_by_reason"])
    assert summary["missing"] > 0
    assert summary["uncovered"] > 0
    done = sorted(memory)
    early, late = memory[done[len(done) // 4]], max(memory[at] for at in done[len(done) // 2 :])
    with capsys.disabled():
        kept = {name: summary[name] for name in ("received", "missing", *_BINS, "hits")}
        print(f"\n{frames} frames: {kept}; {early / 1024:.0f} MB, later {late / 1024:.0f} MB")
    assert late - early < _GROWN_KB
