"""A small sensor that warms, and what may trouble its calibration; frames of one seed are alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

HEIGHT, WIDTH = 120, 160
MODE: dict[str, Any] = {
    "width_px": WIDTH,
    "height_px": HEIGHT,
    "bit_depth": 12,
    "black_level_adu": 64.0,
}
DOUBLING_C = 6.5


@dataclass(frozen=True)
class Trouble:
    """What happens to the frames of a calibration of `frames` frames.

    `leak_sigma` is the greatest light of the leak, reached slowly from frame `first` to the middle
    of its time, or at once with `flash`; it falls to a third across the frame.
    """

    frames: int = 500
    warming_c: float = 10.0
    struck_share: float = 0.0
    leak_sigma: float = 0.0
    first: int = 220
    last: int = 280
    flash: bool = False
    seed: int = 1


def frames(trouble: Trouble) -> Iterator[np.ndarray]:
    """Frames as read out: black 64, read noise 2 ADU, 1 ADU for an electron, 12 bits."""
    sensor = np.random.default_rng(trouble.seed)
    dark = sensor.gamma(4.0, 0.25, (HEIGHT, WIDTH))
    chosen = sensor.permutation(dark.size)
    dark.flat[chosen[:180]] = sensor.uniform(10, 80, 180)
    dark.flat[chosen[180:240]] = sensor.uniform(80, 300, 60)
    gradient = np.linspace(1, 1 / 3, WIDTH) * np.ones((HEIGHT, 1))
    light = np.random.default_rng(trouble.seed + 1000)
    for n in range(trouble.frames):
        rng = np.random.default_rng((trouble.seed, n))
        warm = 2 ** (trouble.warming_c * n / trouble.frames / DOUBLING_C)
        electrons = rng.poisson(dark * warm).astype(float)
        noise = rng.normal(64, 2, (HEIGHT, WIDTH))
        electrons += light.poisson(gradient * 2.3 * _leak(trouble, n))
        if n < 0.05 * trouble.frames and trouble.struck_share:
            struck = light.random((HEIGHT, WIDTH)) < trouble.struck_share
            electrons[struck] += light.uniform(50, 3000, int(struck.sum()))
        yield np.clip(np.rint(electrons + noise), 0, 4095).astype(np.uint16)


def _leak(trouble: Trouble, n: int) -> float:
    if not trouble.first <= n < trouble.last:
        return 0.0
    if trouble.flash:
        return trouble.leak_sigma
    middle, half = (trouble.first + trouble.last) / 2, (trouble.last - trouble.first) / 2
    return trouble.leak_sigma * (1 - abs(n - middle) / half)
