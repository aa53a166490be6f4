"""The phone's way of a frame: demosaic, noise reduction, luma of 8 bits, JPEG."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.lines import add_line_noise
from simulator.render import Patch
from simulator.sensor import Counts, Floats, Floats32, Sensor, digitise, expose
from simulator.spec import SimulationSpec
from simulator.streams import Purpose, stream
from simulator.truth import Truth

Luma = NDArray[np.uint8]

# OpenCV names a mosaic by the second row's second and third pixel, so RGGB is its "BG".
_CODES = {"RGGB": "BG", "BGGR": "RG", "GRBG": "GB", "GBRG": "GR"}
# Weights of red, green and blue in luma (ITU-R BT.601, which JPEG and Android's YUV use).
_LUMA = (0.299, 0.587, 0.114)
# The bilateral filter: its neighbourhood, its reach, and the differences it evens out, in sigma
# of the luma's noise.
_DIAMETER_PX = 5
_REACH_PX = 1.5
_RANGE_SIGMA = 2.0
# Dark frames from which the noise is measured, and pairs from which a particle's signal is.
_NOISE_FRAMES = 64
_PAIRS = 8
# The noise is measured anew for each such step of warming (half of it is 11 % of a dark current's
# variance), and so many steps are kept.
_STEP_C = 2.0
_KEPT_STEPS = 4
# Around a particle so much more is developed: JPEG's blocks are 8 px, filters reach 3.
_BLOCK_PX = 8
_MARGIN_PX = 16
# An 8-bit count's own rounding: no pixel is known better.
_LEAST_SIGMA = float(np.sqrt(1 / 12))
# Streams of the noise that only this module sees, beyond all frames.
_BEYOND = 1 << 62


class PhoneRoute:
    """Develops raw Bayer frames as a phone's camera does, with a linear tone curve.

    Black is taken off and cut at 0, the mosaic interpolated (OpenCV, bilinear, in 16 bits), luma
    made of the colours without white balance, smoothed by a bilateral filter (Tomasi and
    Manduchi, ICCV 1998), scaled to 8 bits, and sent once through JPEG. So one bright pixel
    becomes a small blot whose height hangs on the pixel's colour, the noise is correlated, and
    faint hits are partly smoothed away: as in hits of phones.

    The same on one machine for one build of OpenCV; builds may differ in a count here and there
    (its filters and libjpeg use the processor's vector instructions).
    """

    def __init__(self, spec: SimulationSpec, sensor: Sensor) -> None:
        self._spec = spec
        self._sensor = sensor
        self._sigma = lru_cache(_KEPT_STEPS)(partial(_measure_sigma, spec, sensor))

    def develop(self, raw: Counts) -> Luma:
        """Develop a raw frame, shape (height, width); its upper left pixel begins a 2 x 2 cell."""
        return _develop(self._spec, raw)

    def sigma_adu(self, index: int) -> Floats32:
        """Noise of each pixel of the developed frame `index`, shape (height, width).

        The standard deviation over 64 dark frames (so known to 9 %) with the noise of rows and
        columns, never less than that of rounding. It is measured when it is first asked for, at
        the nearest whole step of 2 degC from the start.
        """
        start_c = self._spec.temperature_c
        warmer_c = self._sensor.dark(index).temperature_c - start_c
        return self._sigma(start_c + _STEP_C * round(warmer_c / _STEP_C))

    def tell(self, truth: Truth, patch: Patch, index: int) -> Truth:
        """Tell what is true of a particle in the developed frame.

        Its signal is the mean of what it adds: pairs of the same noise, developed with the
        particle's mean charge and without it, for what is developed without noise is rounded away
        where noise would carry it over. Its peak is that signal's over `sigma_adu` there.
        """
        signal, y0_px, x0_px = self._signal(patch, index)
        height, width = signal.shape
        sigma = self.sigma_adu(index)[y0_px : y0_px + height, x0_px : x0_px + width]
        row, col = divmod(int(signal.argmax()), width)
        lit = signal >= sigma
        lit[row, col] = True
        rows, cols = np.nonzero(lit)
        moved_s = (y0_px + row - truth.y_px) * self._spec.row_time_ns * 1e-9
        return replace(
            truth,
            x_px=x0_px + col,
            y_px=y0_px + row,
            peak_adu=max(float(signal[row, col]), 0.0),
            peak_sigma=max(float(signal[row, col] / sigma[row, col]), 0.0),
            sum_adu=max(float(signal.sum()), 0.0),
            rows=(rows + y0_px).astype(np.int32),
            cols=(cols + x0_px).astype(np.int32),
            time_offset_s=truth.time_offset_s + moved_s,
        )

    def _signal(self, patch: Patch, index: int) -> tuple[Floats, int, int]:
        """Mean signal around a particle, and the place of its upper left pixel."""
        spec = self._spec
        height, width = patch.electrons.shape
        y0, y1 = _around(patch.y0_px, height, spec.height_px)
        x0, x1 = _around(patch.x0_px, width, spec.width_px)
        window = np.s_[y0:y1, x0:x1]
        dark = self._sensor.dark(index)
        mean, sigma = dark.mean_adu[window], dark.sigma_adu[window]
        charge = np.zeros(mean.shape, dtype=np.float32)
        charge[
            patch.y0_px - y0 : patch.y0_px - y0 + height,
            patch.x0_px - x0 : patch.x0_px - x0 + width,
        ] = patch.electrons * spec.adu_per_e * self._sensor.response[patch.window]
        random = stream(spec.seed, Purpose.ROUTE, index)
        total = np.zeros(mean.shape)
        for _ in range(_PAIRS):
            noise = mean + sigma * random.standard_normal(mean.shape, dtype=np.float32)
            total += self.develop(digitise(noise + charge, spec))
            total -= self.develop(digitise(noise, spec))
        return total / _PAIRS, y0, x0


def _develop(spec: SimulationSpec, raw: Counts) -> Luma:
    import cv2  # late: it is slow to load and only this route needs it

    black = round(spec.black_adu)
    shifted = np.clip(raw.astype(np.int32) - black, 0, None).astype(np.uint16)
    code = getattr(cv2, f"COLOR_Bayer{_CODES[spec.cfa]}2RGB")
    colours = cv2.cvtColor(shifted, code).astype(np.float32)
    luma: Any = colours @ np.array(_LUMA, dtype=np.float32)
    luma_sigma = spec.noise_adu * float(np.linalg.norm(_LUMA))
    range_adu = _RANGE_SIGMA * max(luma_sigma, 1.0)
    smooth = cv2.bilateralFilter(luma, _DIAMETER_PX, range_adu, _REACH_PX)
    scale = np.float32(255 / (spec.full_scale_adu - black))
    counts = np.clip(np.rint(smooth * scale), 0, 255).astype(np.uint8)
    quality = [int(cv2.IMWRITE_JPEG_QUALITY), spec.jpeg_quality]
    _, data = cv2.imencode(".jpg", counts, quality)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _measure_sigma(spec: SimulationSpec, sensor: Sensor, temperature_c: float) -> Floats32:
    """Noise of each pixel over dark frames of their own, the same whenever it is asked for."""
    shape = (spec.height_px, spec.width_px)
    # Sums of whole numbers stay exact.
    total, squares = np.zeros(shape, dtype=np.uint32), np.zeros(shape, dtype=np.uint32)
    dark = sensor.dark_at(temperature_c)
    for number in range(_BEYOND, _BEYOND + _NOISE_FRAMES):
        pixels = expose(dark, stream(spec.seed, Purpose.ROUTE, number))
        add_line_noise(pixels, spec, number)
        counts = _develop(spec, digitise(pixels, spec)).astype(np.uint32)
        total += counts
        squares += counts * counts
    mean = total / _NOISE_FRAMES
    variance = (squares - total * mean) / (_NOISE_FRAMES - 1)
    return np.maximum(np.sqrt(np.maximum(variance, 0)), _LEAST_SIGMA).astype(np.float32)


def _around(start: int, size: int, full: int) -> tuple[int, int]:
    """Stretch with a margin on both sides, from and to the edge of a JPEG block."""
    low = max(start - _MARGIN_PX, 0) // _BLOCK_PX * _BLOCK_PX
    high = -(-(start + size + _MARGIN_PX) // _BLOCK_PX) * _BLOCK_PX
    return low, min(high, full)
