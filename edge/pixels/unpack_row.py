"""Packed pixels of a row, whole groups of them, to plain ones: numba makes vectors of these loops.

One statement for each pixel of a group, in unsigned types of 8 and 16 bits: anything wider, or a
loop over the group, and they are done one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edge.frame import Packing


def unpack_raw10(packed: Any, out: Any) -> None:
    """Unpack RAW10.

    Parameters
    ----------
    packed : ndarray of uint8, shape (5 * groups,)
    out : ndarray of uint16, shape (4 * groups,)
    """
    two, three = np.uint16(2), np.uint8(3)
    for group in range(out.shape[0] // 4):
        at, to = 5 * group, 4 * group
        low = packed[at + 4]
        out[to] = np.uint16(packed[at]) << two | np.uint16(low & three)
        out[to + 1] = np.uint16(packed[at + 1]) << two | np.uint16(low >> np.uint8(2) & three)
        out[to + 2] = np.uint16(packed[at + 2]) << two | np.uint16(low >> np.uint8(4) & three)
        out[to + 3] = np.uint16(packed[at + 3]) << two | np.uint16(low >> np.uint8(6))


def unpack_raw12(packed: Any, out: Any) -> None:
    """Unpack RAW12.

    Parameters
    ----------
    packed : ndarray of uint8, shape (3 * groups,)
    out : ndarray of uint16, shape (2 * groups,)
    """
    four = np.uint16(4)
    for group in range(out.shape[0] // 2):
        at, to = 3 * group, 2 * group
        low = packed[at + 2]
        out[to] = np.uint16(packed[at]) << four | np.uint16(low & np.uint8(15))
        out[to + 1] = np.uint16(packed[at + 1]) << four | np.uint16(low >> np.uint8(4))


def unpack_raw14(packed: Any, out: Any) -> None:
    """Unpack RAW14.

    Parameters
    ----------
    packed : ndarray of uint8, shape (7 * groups,)
    out : ndarray of uint16, shape (4 * groups,)
    """
    six, most = np.uint16(6), np.uint16(63)
    for group in range(out.shape[0] // 4):
        at, to = 7 * group, 4 * group
        # 24 bits: six of each pixel, the first pixel's lowest.
        one, two, three = (
            np.uint16(packed[at + 4]),
            np.uint16(packed[at + 5]),
            np.uint16(packed[at + 6]),
        )
        out[to] = np.uint16(packed[at]) << six | one & most
        second = one >> six | two << np.uint16(2)
        out[to + 1] = np.uint16(packed[at + 1]) << six | second & most
        third = two >> np.uint16(4) | three << np.uint16(4)
        out[to + 2] = np.uint16(packed[at + 2]) << six | third & most
        out[to + 3] = np.uint16(packed[at + 3]) << six | three >> np.uint16(2)


UNPACK_ROW: Mapping[Packing, Callable[[Any, Any], None]] = {
    "mipi10": unpack_raw10,
    "mipi12": unpack_raw12,
    "mipi14": unpack_raw14,
}
