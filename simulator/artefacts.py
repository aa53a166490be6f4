"""What looks like a particle and is none: afterglow, newborn hot pixels, a bright column."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.light import Light
from simulator.render import Patch
from simulator.sensor import (
    HOT_LEAST_SIGMA,
    Floats32,
    add_electrons,
    add_leak,
    draw_excess_e,
    least_sigma_adu,
)
from simulator.spec import SimulationSpec
from simulator.streams import Purpose, stream
from simulator.temperature import dark_factor, temperature_at

_COLUMN_SHARE = 0.05
# Hits glow on from this share of the range above black on.
_BRIGHT_SHARE = 0.1
# Glow below so many electrons is no more followed.
_LEAST_GLOW_E = 0.5
# Frames whose bright hits are kept in memory: the longest afterglow that is allowed reaches back
# over 291, and were they fewer than a frame looks back over, each would be drawn anew every time.
_KEPT_FRAMES = 320


@dataclass(frozen=True, slots=True, eq=False)
class _Glow:
    """Afterglow of one hit in one frame: mean electrons."""

    patch: Patch
    of_frame: int


class Artefacts:
    """All artefacts of one simulation but its light.

    Parameters
    ----------
    spec : SimulationSpec
    light : Light
        For what `describe` tells.
    patches : callable
        Gives the particles' electrons in a frame, by its number.
    """

    def __init__(
        self, spec: SimulationSpec, light: Light, patches: Callable[[int], Sequence[Patch]]
    ) -> None:
        self._spec = spec
        self._light = light
        self._bright = lru_cache(_KEPT_FRAMES)(partial(_bright_patches, spec, patches))
        random = stream(spec.seed, Purpose.BIRTHS)
        count = 0 if spec.birth_at_s is None else spec.birth_pixels
        size = spec.width_px * spec.height_px
        self._born: NDArray[np.int64] = random.choice(size, count, replace=False)
        most = (spec.full_scale_adu - spec.black_adu) / least_sigma_adu(spec)
        self._born_e = draw_excess_e(spec, HOT_LEAST_SIGMA, most, count, random)
        self._column = int(stream(spec.seed, Purpose.COLUMN_FAULT).integers(spec.width_px))
        self._column_adu = spec.share_adu(spec.column_adu, _COLUMN_SHARE)

    def add(self, pixels: Floats32, index: int) -> None:
        """Add all artefacts of frame `index`."""
        spec = self._spec
        if spec.afterglow_share > 0:
            self._add_glow(pixels, index)
        if self._is_born(index):
            self._add_born(pixels, index)
        if self._column_on(index):
            pixels[:, self._column] += np.float32(self._column_adu)
        if spec.first_row_noise_adu > 0:
            random = stream(spec.seed, Purpose.FIRST_ROW, index)
            noise = random.standard_normal(spec.width_px, dtype=np.float32)
            pixels[0] += noise * np.float32(spec.first_row_noise_adu)

    def describe(self, index: int) -> list[dict[str, Any]]:
        """Tell the artefacts of frame `index`, ready for JSON.

        Light and afterglow are told in each frame they are in, a birth and a column where they
        begin (the column also where it ends).
        """
        found: list[dict[str, Any]] = []
        for name, peak_adu in self._light.peaks_adu(index).items():
            found.append({"artefact": name, "peak_adu": round(peak_adu, 3)})
        found += [self._describe_glow(glow) for glow in self._glows(index)]
        if self._is_born(index) and not self._is_born(index - 1):
            found += self._describe_births()
        if self._column_on(index) != self._column_on(index - 1):
            state = "on" if self._column_on(index) else "off"
            found.append(
                {
                    "artefact": f"column_{state}",
                    "x_px": self._column,
                    "peak_adu": round(self._column_adu, 3),
                }
            )
        return found

    def _add_glow(self, pixels: Floats32, index: int) -> None:
        random = stream(self._spec.seed, Purpose.AFTERGLOW, index)
        for glow in self._glows(index):
            add_electrons(pixels, glow.patch, self._spec, random)

    def _glows(self, index: int) -> list[_Glow]:
        """Afterglow of the bright hits before frame `index`: a share that decays evenly.

        Charge caught in traps comes free after the readout, with a time of its own (image lag,
        persistence; Janesick, Scientific Charge-Coupled Devices, SPIE 2001, ch. 5).
        """
        spec = self._spec
        if spec.afterglow_share <= 0:
            return []
        kept = math.exp(-1 / spec.afterglow_frames)
        found = []
        share, number = spec.afterglow_share, index - 1
        while number >= 0 and share * spec.full_well_e >= _LEAST_GLOW_E:
            for patch in self._bright(number):
                # A pixel holds no more than its well, so no more can glow.
                held = np.minimum(patch.electrons, spec.full_well_e)
                found.append(_Glow(Patch(held * share, patch.x0_px, patch.y0_px), number))
            share, number = share * kept, number - 1
        return found

    def _describe_glow(self, glow: _Glow) -> dict[str, Any]:
        electrons = glow.patch.electrons
        row, column = divmod(int(electrons.argmax()), electrons.shape[1])
        return {
            "artefact": "afterglow",
            "x_px": glow.patch.x0_px + column,
            "y_px": glow.patch.y0_px + row,
            "peak_adu": round(float(electrons.max()) * self._spec.adu_per_e, 3),
            "of_sequence": glow.of_frame,
        }

    def _add_born(self, pixels: Floats32, index: int) -> None:
        spec = self._spec
        random = stream(spec.seed, Purpose.BIRTHS, index + 1)  # stream 0 made the pixels
        mean_e = self._born_e * dark_factor(spec, temperature_at(spec, index))
        add_leak(pixels, self._born, mean_e, spec, random)

    def _describe_births(self) -> list[dict[str, Any]]:
        spec = self._spec
        found = []
        for place, electrons in zip(self._born.tolist(), self._born_e.tolist(), strict=True):
            y_px, x_px = divmod(place, spec.width_px)
            peak_adu = round(electrons * spec.adu_per_e, 3)
            found.append(
                {"artefact": "hot_pixel_birth", "x_px": x_px, "y_px": y_px, "peak_adu": peak_adu}
            )
        return found

    def _is_born(self, index: int) -> bool:
        at_s = self._spec.birth_at_s
        return at_s is not None and index >= 0 and self._time_s(index) >= at_s

    def _column_on(self, index: int) -> bool:
        spec = self._spec
        if spec.column_at_s is None or index < 0:
            return False
        since_s = self._time_s(index) - spec.column_at_s
        return since_s >= 0 and (spec.column_s is None or since_s < spec.column_s)

    def _time_s(self, index: int) -> float:
        return index * self._spec.frame_duration_ns * 1e-9


def _bright_patches(
    spec: SimulationSpec, patches: Callable[[int], Sequence[Patch]], index: int
) -> tuple[Patch, ...]:
    """Hits of a frame that are bright enough to glow on."""
    least_e = spec.share_adu(None, _BRIGHT_SHARE) / spec.adu_per_e
    return tuple(patch for patch in patches(index) if patch.electrons.max() >= least_e)
