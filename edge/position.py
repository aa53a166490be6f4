"""Where a rig says that it stands: as configured, or no more exactly than its owner wants."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from edge.config.model import PositionConfig

_METRES_PER_DEGREE = 111_320.0
_DECIMALS = 7
_BITS_PER_LETTER = 5


def stated_position(position: PositionConfig) -> Mapping[str, Any] | None:
    """Position for messages; None where none is configured.

    With `geohash_letters` it is the middle of the rig's geohash cell: neither the place in it nor
    the altitude's decimals leave the rig, and `accuracy_m` covers the cell.
    """
    if position.latitude_deg is None or position.longitude_deg is None:
        return None
    told = position.model_dump(exclude={"geohash_letters"})
    if position.geohash_letters is None:
        return told
    latitude_deg, longitude_deg, radius_m = cell_of(
        position.latitude_deg, position.longitude_deg, position.geohash_letters
    )
    altitude_m = position.altitude_m
    return {
        **told,
        "latitude_deg": latitude_deg,
        "longitude_deg": longitude_deg,
        "altitude_m": None if altitude_m is None else float(round(altitude_m, -1)),
        "accuracy_m": round(max(position.accuracy_m or 0.0, radius_m), 1),
    }


def cell_of(latitude_deg: float, longitude_deg: float, length: int) -> tuple[float, float, float]:
    """Middle of a geohash cell (G. Niemeyer, 2008), and the distance from it to its corner.

    Parameters
    ----------
    latitude_deg, longitude_deg : float
        WGS 84.
    length : int
        Letters of the geohash: 4 is a cell of some 39 x 20 km, 6 one of 1.2 x 0.6 km.

    Returns
    -------
    tuple of float
        Latitude and longitude of the middle in degrees, and the half diagonal in m.
    """
    bits = length * _BITS_PER_LETTER
    middle_x, half_x = _halved(longitude_deg, 180.0, (bits + 1) // 2)
    middle_y, half_y = _halved(latitude_deg, 90.0, bits // 2)
    # The edge that lies nearer to the equator is the longer one.
    near_deg = max(abs(middle_y) - half_y, 0.0)
    across_m = half_x * _METRES_PER_DEGREE * math.cos(math.radians(near_deg))
    radius_m = math.hypot(half_y * _METRES_PER_DEGREE, across_m)
    return round(middle_y, _DECIMALS), round(middle_x, _DECIMALS), radius_m


def _halved(value: float, limit: float, times: int) -> tuple[float, float]:
    """Middle and half width of the cell after so many halvings of -limit to limit."""
    cells = 1 << times
    width = 2 * limit / cells
    which = min(int((value + limit) / width), cells - 1)
    return -limit + (which + 0.5) * width, width / 2
