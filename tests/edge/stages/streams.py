"""Streams of what the pixel pass would hand on: particles and telegraph pixels, without pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from edge.detection import Candidate, Crop
from edge.frame import SensorMode
from edge.stages.order import OrderRules, OrderStage
from edge.stages.outcome import Outcome, Settled
from edge.timeline import LiveTimeline
from tests.edge.candidates import MS, candidate, stamp

FRAME_NS = 33_333_333
_LEAST_SIGMA = 6.0


@dataclass(frozen=True)
class Telegraph:
    """A pixel: frames in which it is high, and its level over noise."""

    y: int
    x: int
    high: np.ndarray
    sigma: float


@dataclass
class Scene:
    """What a sensor sees; `pieces` are the particles, by frame."""

    height: int
    width: int
    frames: int
    seed: int = 1
    telegraphs: list[Telegraph] = field(default_factory=list)
    pieces: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.mode = SensorMode(
            "test", self.width, self.height, 10, exposure_ns=33 * MS, frame_duration_ns=FRAME_NS
        )

    def add_particles(self, per_min: float) -> None:
        count = self.random.poisson(per_min * self.frames * FRAME_NS / 60e9)
        for frame in self.random.integers(self.frames, size=count).tolist():
            place = (int(self.random.integers(self.height)), int(self.random.integers(self.width)))
            self.pieces.setdefault(frame, []).append(place)

    def add_telegraphs(self, count: int, skip: int = 500) -> None:
        """Dwell times of either state log-uniform 5 to 10,000 frames, geometric.

        What changes in the first `skip` frames is known to the calibration and left out, as is
        what is high all that time: it is in the baseline.
        """
        for _ in range(count):
            means = np.exp(self.random.uniform(np.log(5), np.log(1e4), 2))
            high = self._chain(means, self.frames + skip)
            sigma = float(np.exp(self.random.uniform(np.log(5), np.log(50))))
            place = (int(self.random.integers(self.height)), int(self.random.integers(self.width)))
            if not high[:skip].any():
                self.telegraphs.append(Telegraph(*place, high[skip:], sigma))

    def _chain(self, means: np.ndarray, frames: int) -> np.ndarray:
        high = np.zeros(frames, bool)
        state = bool(self.random.random() < means[1] / means.sum())
        at = 0
        while at < frames:
            stay = int(self.random.geometric(1 / means[int(state)]))
            high[at : at + stay] = state
            at += stay
            state = not state
        return high

    def outcomes(self) -> Iterator[Outcome]:
        for i in range(self.frames):
            noise = self.random.normal(64, 2, (8, 8)).astype(np.uint16)
            found = [self.particle(y, x) for y, x in self.pieces.get(i, [])]
            found += [self.pixel(one) for one in self.telegraphs if one.high[i]]
            lit = tuple(
                replace(one, crop=Crop(noise, -8, -8))
                for one in found
                if one.peak_sigma >= _LEAST_SIGMA
            )
            yield Outcome("processed", stamp(i, self.mode), lit)

    def particle(self, y: int, x: int) -> Candidate:
        """One to five pixels; the brightest at that place."""
        more = int(self.random.integers(0, 5))
        around = [(y, x + 1), (y + 1, x), (y + 1, x + 1), (y, x + 2)][:more]
        inside = [(a, b) for a, b in around if a < self.height and b < self.width]
        return candidate((y, x), *inside, excess=float(self.random.uniform(20, 300)))

    def pixel(self, one: Telegraph) -> Candidate:
        """Lone and sharp; its noise is 2 ADU."""
        excess = (one.sigma + float(self.random.normal())) * 2 - 10
        return candidate((one.y, one.x), excess=excess)


@dataclass
class Judged:
    """What became of a scene."""

    settled: list[Settled]
    true: int = 0
    false: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def purity(self) -> float:
        return self.true / max(self.true + self.false, 1)


def judge(scene: Scene, stage: OrderStage | None = None, *, masked: bool = False) -> Judged:
    """Send a scene through an order stage; `masked`: suspects are, from the next 64th frame on."""
    stage = stage or OrderStage(OrderRules(), LiveTimeline())
    judged = Judged([])
    gone: set[tuple[int, int]] = set()
    for i, outcome in enumerate(scene.outcomes()):
        if masked and i % 64 == 0:
            for one in stage.take_suspects():
                gone.update(zip(one.rows.tolist(), one.cols.tolist(), strict=True))
        seen = tuple(one for one in outcome.candidates if (one.y_px, one.x_px) not in gone)
        judged.settled += stage.push(replace(outcome, candidates=seen))
    judged.settled += stage.flush()
    for one in judged.settled:
        assert one.outcome.stamp is not None
        real = set(scene.pieces.get(one.outcome.stamp.index, []))
        found = {(hit.candidate.y_px, hit.candidate.x_px) for hit in one.hits}
        judged.true += len(found & real)
        judged.false += len(found - real)
        judged.rejected.update(one.rejected)
    return judged
