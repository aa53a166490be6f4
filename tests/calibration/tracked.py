"""A made sensor that a tracker follows, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.calibrator import Calibrator
from calibration.change import Change
from calibration.derive import ThresholdRequest
from calibration.model import Calibration
from calibration.sample import Sampler, stripe_rows
from calibration.tracker import Tracker

HEIGHT_PX, WIDTH_PX = 64, 64
BLACK_ADU = 64.0
MODE = {
    "sensor": "made",
    "width_px": WIDTH_PX,
    "height_px": HEIGHT_PX,
    "bit_depth": 12,
    "black_level_adu": None,
}
Floats = NDArray[np.float64]
World = Callable[[int, Floats], None]


class Rig:
    """A sensor, its calibration and the tracker that follows it.

    `world(index, pixels)` changes a frame's noise-free pixels before its noise is added. `pooled`
    frames take turns with a hundred noise frames: quick, where no rare value is looked for.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        frames: int = 200,
        seed: int = 1,
        pooled: bool = False,
    ) -> None:
        self.pool: Floats | None = None
        self.random = np.random.default_rng(seed)
        self.sigma_adu = 2.0
        self.noise_at: Callable[[int], float] = lambda index: self.sigma_adu
        self.world = world or (lambda index, pixels: None)
        self.offsets = self.random.normal(0, 0.5, (HEIGHT_PX, WIDTH_PX))
        calibrator = Calibrator(MODE)
        for _ in range(frames):
            assert calibrator.add(self.frame(-1)) == "used"
        self.base: Calibration = calibrator.finish(ThresholdRequest())
        self.tracker = Tracker(self.base)
        if pooled:
            self.pool = self.random.normal(0, 1, (101, HEIGHT_PX, WIDTH_PX))
        self.changes: list[Change] = []
        self.lit: list[tuple[int, int]] = []
        self.index = 0

    def frame(self, index: int) -> NDArray[np.uint16]:
        pixels = self.offsets + BLACK_ADU
        self.world(index, pixels)
        if self.pool is not None:
            pixels += self.pool[index % len(self.pool)] * self.noise_at(index)
        else:
            pixels += self.random.normal(0, self.noise_at(index), pixels.shape)
        return np.clip(np.rint(pixels), 0, 4095).astype(np.uint16)

    def run(self, frames: int, *, looked: bool = True) -> None:
        """Let `frames` frames pass; note where a pixel stands above its threshold."""
        for index in range(self.index, self.index + frames):
            tracker = self.tracker
            if tracker.turns_at(index) and (change := tracker.turn(index)) is not None:
                self.changes.append(change)
            if not looked:
                tracker.note(index, None)
                continue
            pixels = self.frame(index)
            now = tracker.calibration
            flat = np.flatnonzero(pixels > now.seed_threshold)
            self.lit += [(index, int(one)) for one in flat]
            offset_adu = float(pixels.mean()) - now.expected_mean_adu
            sampler = Sampler(now, tracker.watched)
            sample = sampler.take(pixels, offset_adu, 0, stripe_rows(HEIGHT_PX, index))
            tracker.note(index, sample)
        self.index += frames

    def now(self, name: str, y: int, x: int) -> Any:
        """Value of one of the calibration's maps."""
        return getattr(self.tracker.calibration, name)[y, x]


def flat(y: int, x: int) -> int:
    return y * WIDTH_PX + x
