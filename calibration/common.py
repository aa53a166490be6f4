"""What all pixels of a sensor share: its level, its noise, and how even its dark frames are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.model import Calibration
from calibration.sample import Sample
from calibration.suspects import typical_noise_adu

_LEAST_FRAMES = 8
_NOISE_STEP = 0.02
_CLIPPED_SIGMA = 3.0
_LEAK_NOISE = 1.4
"""A frame with so much more variance than usual (18 % more noise) has light in it."""

_LEAK_SCATTER = 10.0
_LEAK_SIGMA = 0.3
_FIRST_LEAK_SIGMA = 1.0
"""Before it is known how even frames are."""

_LEAST_NOISE_ADU = 1.0


class Common:
    """Follows level and noise from block to block.

    Attributes
    ----------
    level_adu : float
        That the present maps are made for, above the calibration's.
    next_level_adu : float
        That the maps of the next block are made for.
    reference_adu : float
        Mean of a frame at the present level: hot pixels that grow raise it, and no level.
    noise : float
        How many times the calibration's noise it is.
    typical_adu : float
        Median noise of a pixel.
    usual_square : float or None
        Usual `Sample.noise_square`; None until a block was seen.
    """

    def __init__(self, base: Calibration) -> None:
        self.level_adu = self.next_level_adu = 0.0
        self.reference_adu = base.expected_mean_adu
        self.noise = 1.0
        self.typical_adu = typical_noise_adu(base)
        self.usual_square: float | None = None
        self._noisiest = 0.0
        self._uneven = 0.0
        self._samples: list[tuple[float, float, float, float]] = []
        # A clipped sensor's noise was measured by other means; its spread says nothing.
        self._clipped = base.level_adu < _CLIPPED_SIGMA * base.noise_adu

    @property
    def most_noise_square(self) -> float | None:
        """What `Sample.noise_square` of a dark frame stays below; None while that isn't known.

        Light brings shot noise, which no drift of the level does. Noise below a count says little
        of it, nor does that of a sensor that clips black.
        """
        if self.usual_square is None or self.typical_adu < _LEAST_NOISE_ADU:
            return None
        return max(_LEAK_NOISE, self._noisiest) * self.usual_square

    @property
    def most_uneven(self) -> float:
        """What `Sample.unevenness` of a dark frame stays below."""
        return max(_LEAK_SIGMA, self._uneven) if self._uneven else _FIRST_LEAK_SIGMA

    @property
    def step_adu(self) -> float:
        """How far the maps of the next block lie above the present ones."""
        return self.next_level_adu - self.level_adu

    @property
    def has_seen(self) -> bool:
        """Whether a frame came since the last block."""
        return bool(self._samples)

    def add(self, sample: Sample) -> None:
        """Take a frame."""
        self._samples.append(
            (sample.offset_adu, sample.bias_adu, sample.noise_square, sample.unevenness)
        )

    def settle(self) -> float:
        """Begin a block; return by what factor the noise of all pixels changed."""
        offsets, biases, squares, uneven = (
            np.array(values) for values in zip(*self._samples, strict=True)
        )
        self._samples.clear()
        before = self.level_adu
        self.level_adu = self.next_level_adu
        self.reference_adu += self.level_adu - before
        if len(offsets) < _LEAST_FRAMES:
            return 1.0
        self.reference_adu -= float(np.median(biases))
        self.next_level_adu = before + float(np.median(offsets))
        self._uneven = max(self._uneven, _usual_most(uneven))
        return 1.0 if self._clipped else self._settle_noise(squares)

    def _settle_noise(self, squares: NDArray[np.float64]) -> float:
        square = float(np.median(squares))
        most = _usual_most(squares)
        if self.usual_square is None:
            self.usual_square, self._noisiest = square, most / square
            return 1.0
        self._noisiest = max(most / square, self._noisiest)
        ratio = float(min(max(np.sqrt(square / self.usual_square), 0.5), 2.0))
        if abs(ratio - 1) < _NOISE_STEP:
            return 1.0
        self.noise *= ratio
        self.typical_adu *= ratio
        return ratio


def _usual_most(values: NDArray[np.float64]) -> float:
    """What values like these stay below."""
    middle = float(np.median(values))
    return middle + _LEAK_SCATTER * 1.4826 * float(np.median(np.abs(values - middle)))
