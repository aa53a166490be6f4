"""Frames of every kind that a kernel reads, as they may lie in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from edge.frame import Packing, Pixels
from edge.pixels.picture import Picture
from simulator.packing import pack

Values = NDArray[np.uint16]

KINDS = ("uint8", "uint16", "mipi10", "mipi12", "mipi14")
PACKINGS: tuple[Packing, ...] = ("mipi10", "mipi12", "mipi14")
LAYOUTS = (
    "contiguous", "padded", "read-only", "by columns", "rows reversed", "columns reversed",
    "every second row", "every second column",
)  # fmt: skip
GARBAGE = 0xEE


def full_scale(kind: str) -> int:
    """Largest value that a frame of this kind can hold."""
    return {"uint8": 255, "uint16": 65_535}.get(kind) or (1 << int(kind[4:])) - 1


def top(kind: str) -> int:
    """Largest value of its plain pixels' type."""
    return 255 if kind == "uint8" else 65_535


def packing_of(kind: str) -> Packing:
    return kind if kind.startswith("mipi") else "none"  # type: ignore[return-value]


def stored(values: Values, kind: str, row_align_bytes: int = 1) -> Pixels:
    """Plain pixels of this kind, or the packed bytes."""
    if kind.startswith("mipi"):
        return pack(values, packing_of(kind), row_align_bytes)
    return values.astype(kind)


def laid(pixels: Pixels, layout: str) -> Pixels:
    """The same pixels elsewhere in memory, with garbage between them."""
    height, width = pixels.shape
    shape, at = {
        "padded": ((height, width + 5), np.s_[:, :width]),
        "rows reversed": ((height, width), np.s_[::-1]),
        "columns reversed": ((height, width), np.s_[:, ::-1]),
        "every second row": ((2 * height, width), np.s_[::2]),
        "every second column": ((height, 2 * width), np.s_[:, ::2]),
    }.get(layout, ((height, width), np.s_[:]))
    order = "F" if layout == "by columns" else "C"
    buffer = np.full(shape, GARBAGE, pixels.dtype, order)
    view: Any = buffer[at]
    view[:] = pixels
    view.flags.writeable = layout != "read-only"
    return view  # type: ignore[no-any-return]


def picture(values: Values, kind: str, shift_adu: int = 0, row_align_bytes: int = 32) -> Picture:
    pixels = stored(values, kind, row_align_bytes)
    return Picture(pixels, values.shape[1], packing_of(kind), shift_adu)


def moved(values: Values, kind: str, shift_adu: int) -> NDArray[Any]:
    """Plain pixels at another level, by the rule itself."""
    lifted = np.clip(values.astype(np.int64) + shift_adu, 0, top(kind))
    return lifted.astype(np.uint8 if kind == "uint8" else np.uint16)


@contextmanager
def without_numba() -> Iterator[None]:
    """Let everything take its NumPy path."""
    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            ours = name.startswith(("edge.", "calibration."))
            if ours and hasattr(module, "numba_available"):
                stack.enter_context(
                    mock.patch.object(module, "numba_available", return_value=False)
                )
        yield
