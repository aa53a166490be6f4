"""A live loop on made frames, for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edge.clock import Clock, SystemClock
from edge.config.load import load_config
from edge.config.model import Config
from edge.delivery import Keep
from edge.detection import Draft
from edge.frame import Frame, SensorMode
from edge.live.in_order import InOrder
from edge.live.loop import LiveLoop
from edge.live.shelf import Shelf
from edge.report import Reporter
from edge.stages.order import order_stage
from edge.timeline import LiveTimeline, Timeline

MS = 1_000_000


HEIGHT, WIDTH = 40, 60


MODE = SensorMode(
    "test", WIDTH, HEIGHT, 10, exposure_ns=30 * MS, frame_duration_ns=33 * MS, black_level_adu=64.0
)


class Rig:
    """A loop with everything it hands over."""

    def __init__(
        self,
        shelf: Shelf | None = None,
        *,
        waits: bool = True,
        timeline: Timeline | None = None,
        clock: Clock | None = None,
        reports: InOrder | None = None,
        **settings: Any,
    ) -> None:
        self.config = configured(**settings)
        timeline = timeline or LiveTimeline()
        self.reporter = Reporter(self.config, timeline, clock or SystemClock(), "camera")
        self.full = False
        self.drafts: list[Draft] = []
        self.checkpoints: list[dict[str, Any] | Keep | None] = []
        order = order_stage(self.config, timeline)
        self.loop = LiveLoop(
            self.config, self.reporter, order, self._take, shelf, waits=waits, reports=reports
        )

    def _take(self, drafts: list[Draft], checkpoint: dict[str, Any] | Keep | None) -> bool:
        if self.full:
            return False
        self.drafts += drafts
        self.checkpoints.append(checkpoint)
        return True

    def kinds(self) -> list[str]:
        return [draft.kind for draft in self.drafts]

    def counts(self) -> dict[str, int]:
        return self.reporter.so_far().frame_counts()


def configured(**settings: Any) -> Config:
    base = {"calibration.frames": 20, "outbox.checkpoint_s": 1e-9}
    return load_config(None, base | {k.replace("__", "."): v for k, v in settings.items()})


def frame(sequence: int, *spots: tuple[int, int], level: float = 64.0, **changes: Any) -> Frame:
    rng = np.random.default_rng(sequence)
    values = rng.normal(level, 2.0, (HEIGHT, WIDTH))
    for y, x in spots:
        values[y, x] += 300
        values[y, x + 1] += 150
    pixels = np.clip(np.rint(values), 0, 1023).astype(np.uint16)
    made = Frame(
        pixels, sequence, sequence, MODE, sensor_time_ns=sequence * 33 * MS, exposure_ns=30 * MS
    )
    return replace(made, **changes)


def play(rig: Rig, count: int, start: int = 0, **spots: tuple[int, int]) -> None:
    for i in range(start, start + count):
        rig.loop.push(frame(i, *([spots[f"f{i}"]] if f"f{i}" in spots else [])))
