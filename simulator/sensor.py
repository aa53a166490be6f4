"""The sensor itself: what each pixel shows in the dark, and how electrons become counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.render import Patch
from simulator.spec import SimulationSpec
from simulator.streams import Purpose, stream

Floats32 = NDArray[np.float32]
Counts = NDArray[np.uint8] | NDArray[np.uint16]

# Spread of the dark current from pixel to pixel: the sigma of its logarithm.
_DARK_SPREAD = 0.5
# A hot pixel's least excess, in sigma of the noise.
_HOT_LEAST_SIGMA = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Sensor:
    """Static maps of a sensor, shape (height, width).

    Attributes
    ----------
    mean_adu : ndarray of float32
        Mean of each pixel in the dark: black level, fixed pattern, dark current, hot pixels.
    sigma_adu : ndarray of float32
        Standard deviation of each pixel in the dark: read noise and shot noise of what it leaks.
    hot : ndarray of int64, shape (n,)
        Flat indices of the hot pixels.
    telegraph : ndarray of int64, shape (m,)
        Flat indices of the telegraph pixels.
    """

    mean_adu: Floats32
    sigma_adu: Floats32
    hot: NDArray[np.int64]
    telegraph: NDArray[np.int64]


def make_sensor(spec: SimulationSpec) -> Sensor:
    """Make the maps of one sensor; the same seed gives the same sensor.

    Offsets are normal and dark currents log-normal from pixel to pixel (the usual long upper
    tail; EMVA Standard 1288, release 4.0, DSNU). A hot pixel's excess is its own dark current,
    log-uniform, so it has its shot noise as well.
    """
    random = stream(spec.seed, Purpose.SENSOR)
    size = spec.width_px * spec.height_px
    offset = random.standard_normal(size) * spec.pattern_adu
    dark_e = spec.dark_current_e_per_s * spec.exposure_ns * 1e-9
    leak_e = dark_e * np.exp(_DARK_SPREAD * random.standard_normal(size))
    places = random.choice(size, spec.hot_pixels + spec.telegraph_pixels, replace=False)
    hot, telegraph = places[: spec.hot_pixels], places[spec.hot_pixels :]
    leak_e[hot] += draw_excess_adu(spec, len(hot), random) / spec.adu_per_e
    mean = spec.black_adu + offset + leak_e * spec.adu_per_e
    sigma = np.sqrt(spec.noise_adu**2 + leak_e * spec.adu_per_e**2)
    shape = (spec.height_px, spec.width_px)
    return Sensor(
        mean.astype(np.float32).reshape(shape),
        sigma.astype(np.float32).reshape(shape),
        np.sort(hot),
        np.sort(telegraph),
    )


def draw_excess_adu(
    spec: SimulationSpec, count: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Draw excesses of hot or telegraph pixels, log-uniform from 10 sigma to full scale."""
    most = spec.full_scale_adu - spec.black_adu
    least = min(_HOT_LEAST_SIGMA * max(spec.noise_adu, 0.1), most)
    return np.exp(random.uniform(np.log(least), np.log(most), count))


def expose(sensor: Sensor, spec: SimulationSpec, random: np.random.Generator) -> Floats32:
    """One dark frame in ADU before digitisation, shape (height, width).

    Read noise and shot noise together are one normal number a pixel: for the few electrons of a
    normal pixel's dark current the read noise hides that shot noise is discrete.
    """
    pixels = np.empty(sensor.mean_adu.shape, dtype=np.float32)
    random.standard_normal(out=pixels, dtype=np.float32)
    pixels *= sensor.sigma_adu
    pixels += sensor.mean_adu
    return pixels


def add_electrons(
    pixels: Floats32, patch: Patch, spec: SimulationSpec, random: np.random.Generator
) -> None:
    """Add a particle's charge to a frame, with the shot noise of collecting it (Poisson).

    The fluctuation of the pairs themselves is Fano's (0.11 of Poisson) and Landau's loss
    outweighs it; Poisson is the upper bound that also covers incomplete collection.
    """
    collected = random.poisson(patch.electrons)
    pixels[patch.window] += (collected * spec.adu_per_e).astype(np.float32)


def digitise(pixels: Floats32, spec: SimulationSpec) -> Counts:
    """Round to whole counts and clip at 0 and full scale; `pixels` is used up.

    With `black_clip` the black level is taken off after the converter, as a camera's own
    processing does: what lies below it becomes 0 and full scale is lower by it.
    """
    np.rint(pixels, out=pixels)
    np.clip(pixels, 0, spec.full_scale_adu, out=pixels)
    if spec.black_clip:
        pixels -= np.float32(round(spec.black_adu))
        np.maximum(pixels, 0, out=pixels)
    return pixels.astype(np.uint8) if spec.bit_depth == 8 else pixels.astype(np.uint16)
