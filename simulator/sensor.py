"""The sensor itself: what each pixel shows in the dark, and how electrons become counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.render import Patch
from simulator.spec import SimulationSpec
from simulator.streams import Purpose, stream
from simulator.temperature import block_start, dark_factor, temperature_at

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Places = NDArray[np.int64]
Counts = NDArray[np.uint8] | NDArray[np.uint16]

# How many times larger the dark currents in the upper tail are, in the mean (estimate).
_TAIL_FACTOR = 10.0
# A warm pixel's least excess, and the step to a hot one, in sigma of the noise.
_WARM_LEAST_SIGMA = 1.0
HOT_LEAST_SIGMA = 10.0
# Bad pixels' doubling temperatures lie so far around the sensor's.
_DOUBLING_SPREAD_C = 1.5
# Rounding to whole counts adds this variance, in ADU^2.
DIGITISED_VARIANCE = 1.0 / 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Dark:
    """A sensor in the dark at one temperature; maps of shape (height, width).

    Attributes
    ----------
    temperature_c : float
        Where it holds.
    mean_adu : ndarray of float32
        Mean of each pixel: black level, fixed pattern, dark current, hot and warm pixels.
    sigma_adu : ndarray of float32
        Standard deviation of each pixel: read noise and shot noise of what it leaks.
    """

    temperature_c: float
    mean_adu: Floats32
    sigma_adu: Floats32


class Sensor:
    """One sensor: what its pixels are, whatever the temperature.

    Attributes
    ----------
    hot, warm, telegraph : ndarray of int64
        Flat indices of the bad pixels, ascending.
    response : ndarray of float32, shape (height, width)
        Signal of each pixel as a share of the mean pixel's (PRNU).

    Notes
    -----
    Offsets are normal and dark currents log-normal from pixel to pixel, with some pixels far
    above (EMVA Standard 1288, release 4.0, ch. 8: DSNU and its long upper tail, which is that of
    single defects: Baer, Proc. SPIE 6068 (2006) 606802). Responses are normal (same standard,
    PRNU). The excess of a hot or warm pixel is its own dark current, log-uniform, so that it has
    shot noise and grows with the temperature, each with its own doubling temperature (Widenhorn
    et al., Proc. SPIE 4669 (2002) 193).
    """

    def __init__(self, spec: SimulationSpec) -> None:
        random = stream(spec.seed, Purpose.SENSOR)
        self._spec = spec
        shape = (spec.height_px, spec.width_px)
        size = shape[0] * shape[1]
        self._offset_adu = _draw_offset_adu(spec, random)
        self._leak_e = _draw_leak_e(spec, size, random)
        counts = np.cumsum([spec.hot_pixels, spec.warm_pixels, spec.telegraph_pixels])
        places = random.choice(size, int(counts[-1]), replace=False)
        hot, warm, telegraph = np.split(places, counts[:-1])
        self.hot, self.warm, self.telegraph = (np.sort(part) for part in (hot, warm, telegraph))
        self._bad = np.concatenate([self.hot, self.warm])
        self._bad_e = _draw_bad_e(spec, random)
        self._bad_doubling_c = draw_doubling_c(spec, len(self._bad), random)
        response = 1 + spec.prnu * random.standard_normal(shape, dtype=np.float32)
        self.response = np.maximum(response, np.float32(0)).astype(np.float32)
        self._kept = (-1, self.dark_at(spec.temperature_c))
        self._first = self._kept[1]

    @property
    def mean_adu(self) -> Floats32:
        """`Dark.mean_adu` at the start."""
        return self._first.mean_adu

    @property
    def sigma_adu(self) -> Floats32:
        """`Dark.sigma_adu` at the start."""
        return self._first.sigma_adu

    def dark(self, index: int) -> Dark:
        """Tell what frame `index` shows in the dark; the same object as long as it holds."""
        spec = self._spec
        if spec.temperature_drift_c == 0:
            return self._first
        start = block_start(spec, index)
        number, dark = self._kept
        if number != start:
            temperature_c = temperature_at(spec, start)
            if temperature_c != dark.temperature_c:
                dark = self.dark_at(temperature_c)
            self._kept = (start, dark)
        return dark

    def dark_at(self, temperature_c: float) -> Dark:
        """Make what the sensor shows in the dark at a temperature."""
        spec = self._spec
        leak_e = self._leak_e * dark_factor(spec, temperature_c)
        leak_e[self._bad] += self._bad_e * dark_factor(spec, temperature_c, self._bad_doubling_c)
        np.minimum(leak_e, spec.full_well_e, out=leak_e)
        mean = self._offset_adu + leak_e * spec.adu_per_e
        sigma = np.sqrt(spec.noise_adu**2 + leak_e * spec.adu_per_e**2)
        shape = (spec.height_px, spec.width_px)
        return Dark(
            temperature_c,
            mean.astype(np.float32).reshape(shape),
            sigma.astype(np.float32).reshape(shape),
        )


def _draw_offset_adu(spec: SimulationSpec, random: np.random.Generator) -> Floats:
    offset = random.standard_normal((spec.height_px, spec.width_px)) * spec.pattern_adu
    offset += random.standard_normal(spec.width_px) * spec.column_pattern_adu
    return np.asarray(spec.black_adu + offset.ravel())


def _draw_leak_e(spec: SimulationSpec, size: int, random: np.random.Generator) -> Floats:
    """Draw what each pixel leaks in an exposure at the reference temperature."""
    dark_e = spec.dark_current_e_per_s * spec.exposure_ns * 1e-9
    leak_e = dark_e * np.exp(spec.dark_spread * random.standard_normal(size))
    tail = random.random(size) < spec.dark_tail_share
    leak_e[tail] *= 1 + _TAIL_FACTOR * random.standard_exponential(int(tail.sum()))
    return np.asarray(leak_e)


def _draw_bad_e(spec: SimulationSpec, random: np.random.Generator) -> Floats:
    """Draw the excess of the hot, then of the warm pixels at the reference temperature."""
    most = (spec.full_scale_adu - spec.black_adu) / least_sigma_adu(spec)
    hot = draw_excess_e(spec, HOT_LEAST_SIGMA, most, spec.hot_pixels, random)
    warm = draw_excess_e(spec, _WARM_LEAST_SIGMA, HOT_LEAST_SIGMA, spec.warm_pixels, random)
    return np.concatenate([hot, warm])


def draw_excess_e(
    spec: SimulationSpec,
    low_sigma: float,
    high_sigma: float,
    count: int,
    random: np.random.Generator,
) -> Floats:
    """Draw excesses of bad pixels in electrons, log-uniform between two numbers of sigma.

    Sigma is `least_sigma_adu`; no excess is above full scale.
    """
    sigma_adu = least_sigma_adu(spec)
    most = spec.full_scale_adu - spec.black_adu
    low, high = (min(sigma_adu * end, most) for end in (low_sigma, max(low_sigma, high_sigma)))
    return np.exp(random.uniform(np.log(low), np.log(high), count)) / spec.adu_per_e


def draw_doubling_c(spec: SimulationSpec, count: int, random: np.random.Generator) -> Floats:
    """Draw bad pixels' own doubling temperatures, evenly, 5 to 8 degC for a sensor of 6.5."""
    low = max(spec.dark_doubling_c - _DOUBLING_SPREAD_C, 0.5 * spec.dark_doubling_c)
    return random.uniform(low, 2 * spec.dark_doubling_c - low, count)


def least_sigma_adu(spec: SimulationSpec) -> float:
    """Read noise, or 0.1 ADU where there is less: the sigma by which bad pixels are made."""
    return max(spec.noise_adu, 0.1)


def temporal_sigma_adu(dark: Dark, spec: SimulationSpec, window: tuple[slice, slice]) -> Floats:
    """Whole noise of pixels from frame to frame, as digitised.

    Read and shot noise, that of row and column, and the rounding to whole counts.
    """
    lines = spec.row_noise_adu**2 + spec.column_noise_adu**2
    own = dark.sigma_adu[window].astype(np.float64)
    return np.asarray(np.sqrt(own**2 + lines + DIGITISED_VARIANCE))


def expose(dark: Dark, random: np.random.Generator) -> Floats32:
    """One dark frame in ADU before digitisation, shape (height, width).

    Read noise and shot noise together are one normal number a pixel: for the few electrons of a
    normal pixel's dark current the read noise hides that shot noise is discrete.
    """
    pixels = np.empty(dark.mean_adu.shape, dtype=np.float32)
    random.standard_normal(out=pixels, dtype=np.float32)
    pixels *= dark.sigma_adu
    pixels += dark.mean_adu
    return pixels


def add_electrons(
    pixels: Floats32,
    patch: Patch,
    spec: SimulationSpec,
    random: np.random.Generator,
    response: Floats32 | None = None,
) -> None:
    """Add a particle's charge to a frame, with the shot noise of collecting it (Poisson).

    `response` is `Sensor.response`; None: every pixel responds alike.

    The fluctuation of the pairs themselves is Fano's (0.11 of Poisson) and Landau's loss
    outweighs it; Poisson is the upper bound that also covers incomplete collection.
    """
    collected = random.poisson(patch.electrons)
    signal = collected * spec.adu_per_e
    if response is not None:
        signal *= response[patch.window]
    pixels[patch.window] += signal.astype(np.float32)


def add_leak(
    pixels: Floats32,
    places: Places,
    mean_e: Floats,
    spec: SimulationSpec,
    random: np.random.Generator,
) -> None:
    """Add what single pixels leak in an exposure, with its shot noise (normal, as in `expose`).

    `places` are flat indices, none twice; `mean_e` their mean electrons, of the same shape.
    """
    leaked = mean_e + np.sqrt(mean_e) * random.standard_normal(len(mean_e))
    pixels.reshape(-1)[places] += (leaked * spec.adu_per_e).astype(np.float32)


def digitise(pixels: Floats32, spec: SimulationSpec) -> Counts:
    """Round to whole counts and clip at 0 and where a pixel is full; `pixels` is used up.

    With `black_clip` the black level is taken off after the converter, as a camera's own
    processing does: what lies below it becomes 0 and full scale is lower by it.
    """
    np.clip(pixels, 0, spec.saturation_adu, out=pixels)
    np.rint(pixels, out=pixels)
    if spec.black_clip:
        pixels -= np.float32(round(spec.black_adu))
        np.maximum(pixels, 0, out=pixels)
    return pixels.astype(np.uint8) if spec.bit_depth == 8 else pixels.astype(np.uint16)
