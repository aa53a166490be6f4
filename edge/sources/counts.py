"""Stored values to counts: one fixed rule for a series, stated in its mode.

Unsigned 8 and 16 bit values are counts already. Anything else (signed, wider, float) becomes
uint16 by a rule that is chosen from the first readable frame of a series and then holds for all
of its frames, so that what a pixel means never changes inside a series:

- whole numbers from 0 to 65535 stay what they are;
- values below zero: a constant is added, a power of two of at least 1024 and at least four times
  the most negative value ("offset+1024");
- numbers that aren't whole are rounded, half to even ("rounded");
- numbers that aren't whole and none beyond 1 in size are a normalised image, stretched to the
  full scale first ("scaled*65535+rounded").

A frame the rule doesn't fit is a bad frame: never clipped, never wrapped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from edge.frame import Pixels
from edge.sources.files import Fault

_FULL_SCALE_ADU = 65_535
_LEAST_OFFSET_ADU = 1024
_LARGEST_OFFSET_ADU = 32_768


@dataclass(frozen=True, slots=True)
class Conversion:
    """The rule of a series.

    Attributes
    ----------
    scale : int
        Factor before rounding (1 or 65535).
    rounds : bool
        Whether numbers that aren't whole are rounded; otherwise they are a fault.
    offset_adu : int
        Added last.
    """

    scale: int = 1
    rounds: bool = False
    offset_adu: int = 0

    @property
    def label(self) -> str:
        """For `SensorMode.conversion`; "" where values stay what they are."""
        parts = []
        if self.scale != 1:
            parts.append(f"scaled*{self.scale}")
        if self.rounds:
            parts.append("rounded")
        if self.offset_adu:
            parts.append(f"offset+{self.offset_adu}")
        return "+".join(parts)

    def apply(self, values: NDArray[Any]) -> Pixels | Fault:
        """Convert one frame; copies only where values, width or byte order change."""
        kind, itemsize = values.dtype.kind, values.dtype.itemsize
        if kind == "b":
            return values.astype(np.uint8)
        if kind == "u" and itemsize <= 2:
            return cast(Pixels, values.astype(values.dtype.newbyteorder("="), copy=False))
        if kind == "f":
            values = values.astype(np.float64)
            if not np.isfinite(values).all():
                count = values.size - int(np.isfinite(values).sum())
                return Fault("not_finite", f"{count} pixels are NaN or infinite")
            values *= self.scale
            whole = np.rint(values)
            if not self.rounds and not np.array_equal(whole, values):
                return Fault("not_integer", "has values that aren't whole, unlike the first frame")
            values = whole
        return self._to_uint16(values)

    def _to_uint16(self, values: NDArray[Any]) -> Pixels | Fault:
        lowest, highest = int(values.min()) + self.offset_adu, int(values.max()) + self.offset_adu
        if lowest < 0:
            return Fault("negative", f"has values down to {lowest - self.offset_adu}")
        if highest > _FULL_SCALE_ADU:
            return Fault("out_of_range", f"has values up to {highest - self.offset_adu}")
        if self.offset_adu:
            values = values.astype(np.int64) + self.offset_adu
        return values.astype(np.uint16)


def is_counts(dtype: np.dtype[Any]) -> bool:
    """Whether values of `dtype` are counts as they are."""
    return dtype.kind == "b" or (dtype.kind == "u" and dtype.itemsize <= 2)


def is_number(dtype: np.dtype[Any]) -> bool:
    """Whether a plane of `dtype` can be turned into counts at all."""
    return dtype.kind in "buif"


def decide(values: NDArray[Any]) -> Conversion | None:
    """Choose the rule for a series from one of its frames; None where it has NaN or infinity."""
    if is_counts(values.dtype):
        return Conversion()
    scale, rounds = 1, False
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            return None
        rounds = not np.array_equal(np.rint(values), values)
        scale = _FULL_SCALE_ADU if rounds and float(np.abs(values).max()) <= 1.0 else 1
    lowest = float(values.min()) * scale
    return Conversion(scale, rounds, _offset_for(lowest))


def _offset_for(lowest: float) -> int:
    if lowest >= 0 or round(lowest) == 0:
        return 0
    offset = _LEAST_OFFSET_ADU
    while offset < -4 * lowest and offset < _LARGEST_OFFSET_ADU:
        offset *= 2
    return offset
