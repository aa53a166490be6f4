"""Names of raw formats, as libcamera and picamera2 write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frame import Packing, Pixels

_FORM = re.compile(r"^(?:S(RGGB|BGGR|GRBG|GBRG)|R)(8|10|12|14|16)(_CSI2P)?$")
_ORDER = re.compile(r"RGGB|BGGR|GRBG|GBRG")
_BITS = re.compile(r"(?<=[A-Z])(8|10|12|14|16)(?=_|$)")
_PACKINGS: dict[int, Packing] = {10: "mipi10", 12: "mipi12", 14: "mipi14"}


@dataclass(frozen=True, slots=True)
class RawFormat:
    """What a granted raw format means.

    Attributes
    ----------
    cfa : str or None
        Bayer order; None: mono.
    bit_depth : int
        Of a pixel as it lies in memory. A Pi 5 shifts its samples up to 16 bits.
    packing : {"none", "mipi10", "mipi12", "mipi14"}
        How pixels share bytes.
    """

    cfa: str | None
    bit_depth: int
    packing: Packing

    def row_bytes(self, width_px: int) -> int:
        """Bytes of a row without the padding behind it."""
        if self.packing != "none":
            return -(-width_px * self.bit_depth // 8)
        return width_px * (1 if self.bit_depth == 8 else 2)

    def view(self, buffer: NDArray[Any], width_px: int, height_px: int) -> Pixels:
        """Rows of `buffer` (height, stride), uint8, without padding; no copy.

        Returns uint16 (height, width) where a pixel takes two bytes, else uint8: the pixels, or
        the packed bytes as they are. Raises ValueError where `buffer` is too small.
        """
        rows = buffer[:height_px, : self.row_bytes(width_px)]
        if rows.shape != (height_px, self.row_bytes(width_px)):
            raise ValueError(f"{buffer.shape} bytes for {width_px}x{height_px} pixels")
        if self.packing != "none" or self.bit_depth == 8:
            return rows
        return rows.view(np.uint16)


def is_lossy(name: str) -> bool:
    """Whether the format is PiSP-compressed: steps of up to 8 counts of 12 bits, no raw data."""
    return "PISP_COMP" in name


def parse_raw_format(name: str) -> RawFormat:
    """Parse such as "SRGGB12", "R10" or "SBGGR10_CSI2P"; raises ValueError."""
    match = _FORM.match(name)
    if match is None:
        raise ValueError(f"unknown raw format {name}")
    bits = int(match[2])
    packing: Packing = _PACKINGS.get(bits, "none") if match[3] else "none"
    return RawFormat(match[1], bits, packing)


def unpacked_name(name: str, bits: int | None = None) -> str:
    """Name of the unpacked format with the same mosaic, to ask for."""
    order = _ORDER.search(name)
    stated = _BITS.search(name)
    depth = bits or (int(stated[1]) if stated else 12)
    return f"S{order[0]}{depth}" if order else f"R{depth}"
