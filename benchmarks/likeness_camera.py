"""Simulated hits as the two cameras of the labelled sets would have shown them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.likeness_features import lit_pixels
from benchmarks.likeness_real import Crop
from simulator.particles import draw_particle
from simulator.presets import preset
from simulator.render import Patch, render
from simulator.sensor import Counts, Sensor, add_electrons, digitise, expose
from simulator.shape import judge
from simulator.spec import SimulationSpec

_CROP_PX = 60
# Neither set's processing is known. What all phones and Pis do: white balance, and coring (what
# is within so many sigma of black becomes black).
_WHITE_BALANCE = (1.6, 1.0, 1.5)
_CORING_SIGMA = 4.0
# The faintest real hits are as bright as this, in counts of 255: a threshold selected them.
_LEAST_PEAK = 60
_TRIES = 400


@dataclass(frozen=True, slots=True)
class Camera:
    """One of the two cameras.

    Attributes
    ----------
    spec : SimulationSpec
        Its sensor, a piece that makes three crops each way; only good pixels.
    white_e : float
        Electrons of a green pixel that give 255. It is not known and set so that the peaks of
        the three classes together come nearest.
    tone_power : float
        Of its tone curve; not known either and fitted to the spread of the peaks.
    shrink : float
        Pixels of the sensor along each side of a pixel of the picture.
    jpeg_quality : int or None
        Of the frames that hits are cut from; None: not compressed.
    """

    spec: SimulationSpec
    white_e: float
    tone_power: float
    shrink: float
    jpeg_quality: int | None

    def draw(self, kind: str, count: int, random: np.random.Generator) -> list[Crop]:
        """Draw hits whose picture has this class (`simulator.shape.judge`, as people would)."""
        sensor = Sensor(self.spec)
        spec = _only(kind, self.spec)
        crops: list[Crop] = []
        for _ in range(_TRIES * count):
            patch = render(draw_particle(spec, random), spec)
            if patch is None:
                continue
            crop = self._show(sensor, self._to_middle(patch), random)
            if crop.max() > _LEAST_PEAK and _judge(crop) == kind:
                crops.append(crop)
                if len(crops) == count:
                    return crops
        raise RuntimeError(f"only {len(crops)} pictures of a {kind} in {_TRIES * count} particles")

    def _show(self, sensor: Sensor, patch: Patch, random: np.random.Generator) -> Crop:
        pixels = expose(sensor.dark(0), random)
        add_electrons(pixels, patch, self.spec, random, sensor.response)
        picture = self._develop(digitise(pixels, self.spec))
        # The real crops have the brightest place in their middle.
        inner = picture.sum(axis=2)[_CROP_PX:-_CROP_PX, _CROP_PX:-_CROP_PX]
        row, col = divmod(int(inner.argmax()), inner.shape[1])
        y0, x0 = row + _CROP_PX // 2, col + _CROP_PX // 2
        return np.ascontiguousarray(picture[y0 : y0 + _CROP_PX, x0 : x0 + _CROP_PX])

    def _develop(self, raw: Counts) -> Crop:
        """Develop a raw frame: demosaic (bilinear), balance, core, shrink, 8 bits, JPEG."""
        import cv2

        spec = self.spec
        above = np.clip(raw.astype(np.float32) - spec.black_adu, 0, None)
        mosaic = np.rint(above * 16).astype(np.uint16)
        colours: Any = cv2.cvtColor(mosaic, cv2.COLOR_BayerRG2BGR).astype(np.float32) / 16
        colours *= np.array(_WHITE_BALANCE, dtype=np.float32)
        colours = np.clip(colours - _CORING_SIGMA * spec.noise_adu, 0, None)
        side = round(raw.shape[0] / self.shrink)
        colours = cv2.resize(colours, (side, side), interpolation=cv2.INTER_AREA)
        toned = np.clip(colours / (self.white_e * spec.adu_per_e), 0, 1) ** self.tone_power
        picture = np.asarray(np.rint(255 * toned), dtype=np.uint8)
        if self.jpeg_quality is None:
            return picture
        quality = [int(cv2.IMWRITE_JPEG_QUALITY), self.jpeg_quality]
        _, data = cv2.imencode(".jpg", picture, quality)
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)

    def _to_middle(self, patch: Patch) -> Patch:
        """Move its brightest pixel to the middle, by an even number of pixels: colours stay."""
        side = self.spec.width_px
        row, col = divmod(int(patch.electrons.argmax()), patch.electrons.shape[1])
        y0 = patch.y0_px + 2 * ((side // 2 - patch.y0_px - row) // 2)
        x0 = patch.x0_px + 2 * ((side // 2 - patch.x0_px - col) // 2)
        top, left = max(-y0, 0), max(-x0, 0)
        inside = patch.electrons[top : side - y0, left : side - x0]
        return Patch(inside, x0 + left, y0 + top)


def cameras() -> dict[str, Camera]:
    """Both cameras: the Raspberry Pi's 1.3, and a phone like those of the labelled set.

    CREDO's app takes a preview of about half the sensor's resolution; cmosdetector 1920 x 1080
    (Hachaj and Piekarczyk, Sensors 23 (2023) 4858), taken here to be the whole 2592 columns,
    scaled: unscaled, every class came out still larger than the real ones.
    """
    return {
        "pi": Camera(_clean(preset("pi-v1"), 1.35), 800.0, 0.7, 1.35, None),
        "phone": Camera(_clean(preset("phone"), 2), 800.0, 0.5, 2, 90),
    }


def _clean(spec: SimulationSpec, shrink: float) -> SimulationSpec:
    side = 2 * round(1.5 * _CROP_PX * shrink)
    return replace(
        spec,
        route="raw",
        gain=4.0,
        width_px=side,
        height_px=side,
        hot_pixels=0,
        warm_pixels=0,
        telegraph_pixels=0,
    )


def _only(kind: str, spec: SimulationSpec) -> SimulationSpec:
    return replace(
        spec,
        spot_share=float(kind == "spot"),
        track_share=float(kind == "track"),
        worm_share=float(kind == "worm"),
        alpha_share=0.01 if kind == "spot" else 0.0,
    )


def _judge(crop: Crop) -> str:
    """Judge the picture by its lit pixels alone, already stretched as for the eye."""
    brightest: NDArray[Any] = crop.max(axis=2).astype(np.float64)
    lit = lit_pixels(brightest - np.median(brightest))
    # `judge` expects charge: what is not lit is below any share of the peak.
    return judge(np.where(lit, np.maximum(brightest, 1.0), -1.0), 0.0)
