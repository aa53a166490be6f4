"""Light that falls in: the cover lifted, leaks, flashes, a blinking lamp."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from simulator.sensor import Floats, Floats32
from simulator.spec import SimulationSpec
from simulator.streams import Purpose, stream

Seconds = NDArray[np.float64]

# The lifted cover: mean level as a share of the range above black, and how much darker the
# corners are.
_UNCOVERED_SHARE = 0.4
_UNCOVERED_FALL = 0.5
# The other lights' levels, where none is stated.
_LEAK_SHARE = 0.1
_FLASH_SHARE = 0.1
_FLICKER_SHARE = 0.02
# A leak falls to half in this share of the frame.
_LEAK_REACH = 0.25
# What a colour filter lets through of white light.
_COLOURS: Mapping[str, float] = {"R": 0.5, "G": 1.0, "B": 0.4}
# A frame counts as dark up to this much light, in sigma of the read noise.
_DARK_SIGMA = 0.5


class Light:
    """All light of one simulation.

    Leaks, flashes and the lamp are functions of time, and a row gets their integral over its own
    exposure: with a rolling shutter a flash is a band that two frames share, and a lamp that
    blinks gives stripes. The lifted cover is bright from one frame to the next.

    Sums, products and quotients alone make the levels, so they are the same on every machine.
    """

    def __init__(self, spec: SimulationSpec) -> None:
        self._spec = spec
        self._edge = int(stream(spec.seed, Purpose.EDGE).integers(4))
        self._exposure_s = spec.exposure_ns * 1e-9
        rows = np.arange(spec.height_px, dtype=np.float64)
        self._rows_s: Seconds = rows * (spec.row_time_ns * 1e-9)
        self._levels = {
            "leak": spec.share_adu(spec.leak_adu, _LEAK_SHARE),
            "flash": spec.share_adu(spec.flash_adu, _FLASH_SHARE),
            "flicker": spec.share_adu(spec.flicker_adu, _FLICKER_SHARE),
        }

    def peaks_adu(self, index: int) -> dict[str, float]:
        """Tell the brightest light in frame `index` for each source that shines."""
        found = {name: float(rows.max()) for name, rows in self._rows(index).items()}
        if is_uncovered(self._spec, index):
            found["uncover"] = self._spec.share_adu(None, _UNCOVERED_SHARE)
        return found

    def is_dark(self, index: int) -> bool:
        """Whether no light to speak of falls in while frame `index` is exposed."""
        limit = _DARK_SIGMA * self._spec.noise_adu
        return all(peak <= limit for peak in self.peaks_adu(index).values())

    def add(self, pixels: Floats32, index: int) -> None:
        """Add the light of frame `index`, with its shot noise."""
        spec = self._spec
        rows = self._rows(index)
        uncovered = is_uncovered(spec, index)
        if not rows and not uncovered:
            return
        light = np.zeros(pixels.shape, dtype=np.float32)
        if uncovered:
            light += self._uncovered_adu()
        for name, levels in rows.items():
            shape = self._leak_shape() if name == "leak" else np.float32(1)
            light += levels.astype(np.float32)[:, None] * shape
        if spec.cfa:
            _colour(light, spec.cfa)
        noise = stream(spec.seed, Purpose.LIGHT, index)
        shot = noise.standard_normal(light.shape, dtype=np.float32)
        pixels += light + shot * np.sqrt(light * np.float32(spec.adu_per_e))

    def _rows(self, index: int) -> dict[str, Floats]:
        """Light of each source in each row, in ADU; only those that shine."""
        spec = self._spec
        begin_s: Seconds = index * spec.frame_duration_ns * 1e-9 + self._rows_s
        end_s = begin_s + self._exposure_s
        found = {}
        for name, shone_s in self._shining(index).items():
            share = (shone_s(end_s) - shone_s(begin_s)) / self._exposure_s
            rows = np.maximum(share, 0.0) * self._levels[name]
            if rows.max() > 0:
                found[name] = rows
        return found

    def _shining(self, index: int) -> dict[str, Callable[[Seconds], Seconds]]:
        """Integral over time of each source that is on at all, as a share of its level."""
        spec = self._spec
        found: dict[str, Callable[[Seconds], Seconds]] = {}
        if spec.leak_at_s is not None:
            found["leak"] = self._leak_s
        if spec.flicker_at_s is not None:
            found["flicker"] = self._flicker_s
        if spec.flashes_per_min > 0:
            starts_s = self._flash_starts_s(index)
            if len(starts_s):
                found["flash"] = lambda time_s: np.clip(
                    time_s[:, None] - starts_s, 0.0, spec.flash_s
                ).sum(axis=1)
        return found

    def _leak_s(self, time_s: Seconds) -> Seconds:
        """Integral of a trapezoid, a third up and a third down, that may come again."""
        spec = self._spec
        since_s = np.maximum(time_s - (spec.leak_at_s or 0.0), 0.0)
        third_s = spec.leak_s / 3
        passed: Seconds | float = 0.0
        if spec.leak_every_s is not None:
            passed = np.floor(since_s / spec.leak_every_s)
            since_s = since_s - passed * spec.leak_every_s
        up = np.minimum(since_s, third_s)
        flat = np.clip(since_s - third_s, 0.0, third_s)
        down = np.clip(since_s - 2 * third_s, 0.0, third_s)
        once = up * up / (2 * third_s) + flat + down - down * down / (2 * third_s)
        return np.asarray(once + passed * (2 * third_s))

    def _flicker_s(self, time_s: Seconds) -> Seconds:
        """Integral of a lamp that is on in the first half of each period."""
        spec = self._spec
        since_s = np.maximum(time_s - (spec.flicker_at_s or 0.0), 0.0)
        if spec.flicker_s is not None:
            since_s = np.minimum(since_s, spec.flicker_s)
        period_s = 1 / spec.flicker_hz
        passed = np.floor(since_s / period_s)
        return np.asarray(
            passed * (period_s / 2) + np.minimum(since_s - passed * period_s, period_s / 2)
        )

    def _flash_starts_s(self, index: int) -> Seconds:
        """When the flashes begin that rows of frame `index` may see: a Poisson process."""
        spec = self._spec
        frame_s = spec.frame_duration_ns * 1e-9
        starts = []
        # Neither a flash nor the readout and exposure after it lasts longer than a frame.
        for number in range(max(index - 1, 0), index + 2):
            random = stream(spec.seed, Purpose.FLASHES, number)
            count = int(random.poisson(spec.flashes_per_min / 60 * frame_s))
            starts.append((number + random.random(count)) * frame_s)
        return np.concatenate(starts)

    def _uncovered_adu(self) -> Floats32:
        """Light with the cover lifted: brighter in the middle."""
        spec = self._spec
        down = np.linspace(-1, 1, spec.height_px, dtype=np.float32)[:, None]
        across = np.linspace(-1, 1, spec.width_px, dtype=np.float32)[None, :]
        level = np.float32(spec.share_adu(None, _UNCOVERED_SHARE))
        fall = np.float32(_UNCOVERED_FALL / 2)
        return np.asarray(level * (1 - fall * (down**2 + across**2)))

    def _leak_shape(self) -> Floats32:
        """How a leak falls off from the edge where it comes in: 1 there."""
        spec = self._spec
        far = (spec.width_px, spec.height_px)[self._edge % 2]
        away = np.arange(far) / (_LEAK_REACH * far)
        shape = (1 / (1 + away * away)).astype(np.float32)
        if self._edge >= 2:
            shape = shape[::-1]
        return shape[None, :] if self._edge % 2 == 0 else shape[:, None]


def is_uncovered(spec: SimulationSpec, index: int) -> bool:
    """Whether the cover is lifted in frame `index`."""
    if spec.uncover_at_s is None:
        return False
    time_s = index * spec.frame_duration_ns * 1e-9
    if time_s < spec.uncover_at_s:
        return False
    return spec.uncover_s is None or time_s < spec.uncover_at_s + spec.uncover_s


def _colour(light: Floats32, cfa: str) -> None:
    for place, colour in enumerate(cfa):
        light[place // 2 :: 2, place % 2 :: 2] *= np.float32(_COLOURS[colour])
