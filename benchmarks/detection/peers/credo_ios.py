"""CREDO Detector for iOS (Andersen's engine): blocks above their neighbours, servoed to a rate.

Source: credo-science/credo-cosmic-ray-detector-ios 803927e, `pixelMathImplementation.c` and
`GLCameraViewController.m`. A pixel's value is R + G + B (0 to 765), its heat a running mean with
weight 0.03; it scores (value - heat)^2 when value > 4 and value - heat > 4 heat. Blocks of
20 x 20 px add up their scores. A block is an event above factor x (running mean, weight 0.1, of
each frame's second biggest block); factor starts at 2.2 and is moved at each event by 0.04 or 0.2
to hold one event in 30 s (the mean interval has weight 0.15). 30 frames of warm-up; the first 9
events and frames with more than 20 blocks are not sent.
"""

from __future__ import annotations

import numpy as np

from benchmarks.detection.rule import NO_BOXES, Image, Look

BLOCK_PX = 20
WANTED_S = 30.0
WARM_UP_FRAMES = 30
FIRST_SENT = 10
MOST_BLOCKS = 20
KIND = (
    "the three blocks at each edge that the app ignores are kept (they would be half of so small "
    "a frame); R = G = B; where a 0 of all blocks would let anything pass, the threshold is 1"
)
FAST_KIND = KIND + "; the servo aims at twice the particles' rate instead of one in 30 s"


class CredoIos:
    """The app.

    Parameters
    ----------
    fps : float
    wanted_s : float
        Interval between events that the servo holds.
    """

    def __init__(self, fps: float, wanted_s: float = WANTED_S) -> None:
        self._fps = fps
        self._wanted_s = self._interval_s = wanted_s
        self.factor = 2.2
        self._heat: Image | None = None
        self._frames = 0
        self._last_event = 0
        self._events = 0
        self._second = 0.0

    def look(self, pixels: Image) -> Look:
        """Judge the next frame, 8 bits."""
        total = pixels.astype(np.float32) * np.float32(3)
        if self._heat is None:
            self._heat = total.copy()
        self._frames += 1
        over = total - self._heat
        scores = np.where((total > 4) & (over > 4 * self._heat), over * over, np.float32(0))
        self._heat += np.float32(0.03) * over
        if self._frames < WARM_UP_FRAMES:
            return Look(live=False)
        blocks = block_sums(scores)
        self._follow(blocks)
        rows, cols = np.nonzero(blocks > max(self._second * self.factor, 1.0))
        if len(rows) == 0:
            return Look()
        self._servo()
        self._events += 1
        if self._events < FIRST_SENT or len(rows) > MOST_BLOCKS:
            return Look(NO_BOXES, live=self._events >= FIRST_SENT and len(rows) <= MOST_BLOCKS)
        x0, y0 = cols * BLOCK_PX, rows * BLOCK_PX
        return Look(np.stack([x0, y0, x0 + BLOCK_PX - 1, y0 + BLOCK_PX - 1], axis=1))

    def _follow(self, blocks: Image) -> None:
        second = float(np.partition(blocks.ravel(), -2)[-2]) if blocks.size > 1 else 0.0
        self._second = 0.1 * second + 0.9 * self._second if self._second else second

    def _servo(self) -> None:
        seconds = (self._frames - self._last_event) / self._fps
        self._last_event = self._frames
        self._interval_s = 0.15 * seconds + 0.85 * self._interval_s
        ratio = self._interval_s / self._wanted_s
        self.factor -= 0.04 * (ratio > 1.3) + 0.2 * (ratio > 2.3)
        self.factor += 0.04 * (ratio < 0.7) + 0.2 * (ratio < 0.1)


def block_sums(scores: Image) -> Image:
    """Sums over whole blocks; what is left at the right and the bottom is cut, as in the app."""
    rows, cols = scores.shape[0] // BLOCK_PX, scores.shape[1] // BLOCK_PX
    inside = scores[: rows * BLOCK_PX, : cols * BLOCK_PX]
    blocks = inside.reshape(rows, BLOCK_PX, cols, BLOCK_PX)
    return np.asarray(blocks.sum(axis=(1, 3), dtype=np.float32))
