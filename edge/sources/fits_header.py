"""What a FITS header says about a frame. Every key may be missing or nonsense."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T(.+))?$")
_OLD = re.compile(r"(\d{2})/(\d{2})/(\d{2})$")  # DD/MM/YY, of the years 19YY
_TIME = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d+))?Z?$")
_BAYER = frozenset({"RGGB", "BGGR", "GRBG", "GBRG"})


def exposure_ns(header: Mapping[str, Any]) -> int | None:
    """Exposure, from EXPTIME or EXPOSURE (seconds)."""
    seconds = _number(header, "EXPTIME", "EXPOSURE")
    return round(seconds * 1e9) if seconds is not None and 0 <= seconds <= 1e9 else None


def set_temperature_c(header: Mapping[str, Any]) -> float | None:
    """Temperature the cooler is set to."""
    return _number(header, "SET-TEMP", "SETTEMP")


def temperature_c(header: Mapping[str, Any]) -> float | None:
    """Temperature the sensor had."""
    return _number(header, "CCD-TEMP", "TEMPERAT")


def gain(header: Mapping[str, Any]) -> float | None:
    """Gain as the header states it, in whatever unit its writer uses."""
    return _number(header, "GAIN", "EGAIN")


def sensor(header: Mapping[str, Any]) -> str:
    """Name of the camera, or ""."""
    return _text(header, "INSTRUME")


def cfa(header: Mapping[str, Any]) -> str | None:
    """Bayer order, where the image is a mosaic."""
    pattern = _text(header, "BAYERPAT").strip("' ").upper()
    return pattern if pattern in _BAYER else None


def bit_depth(header: Mapping[str, Any]) -> int | None:
    """Significant bits: BITDEPTH, or a DATAMAX that is all ones such as 4095."""
    bits = _number(header, "BITDEPTH")
    if bits is not None and bits in range(8, 17):
        return int(bits)
    largest = _number(header, "DATAMAX")
    if largest is not None and largest in {(1 << n) - 1 for n in range(8, 17)}:
        return int(largest).bit_length()
    return None


def pixel_pitch_um(header: Mapping[str, Any]) -> float | None:
    """Side of a square with the area of one pixel as read out.

    XPIXSZ and YPIXSZ count the binning in some programs and not in others. Physical pixels are
    square, so equal sizes with unequal binning were stated without it.
    """
    x_um, y_um = _number(header, "XPIXSZ"), _number(header, "YPIXSZ")
    if x_um is None or x_um <= 0:
        return None
    if y_um is None or y_um <= 0:
        y_um = x_um
    x_binning, y_binning = _number(header, "XBINNING") or 1, _number(header, "YBINNING") or 1
    if x_um == y_um and x_binning != y_binning:
        x_um, y_um = x_um * x_binning, y_um * y_binning
    pitch_um = x_um if x_um == y_um else math.sqrt(x_um) * math.sqrt(y_um)
    return pitch_um if 0.01 <= pitch_um <= 10_000 else None


def start_utc_ns(header: Mapping[str, Any]) -> int | None:
    """Unix time of the start of exposure, from DATE-OBS (with TIME-OBS where it has no time).

    None where it is missing, malformed, a date without a time, or not in UTC.
    """
    if _text(header, "TIMESYS").upper() not in ("", "UTC", "UT", "UT1"):
        return None
    text = _text(header, "DATE-OBS")
    iso, old = _ISO.match(text), _OLD.match(text)
    if iso:
        year, month, day = int(iso[1]), int(iso[2]), int(iso[3])
    elif old:
        year, month, day = 1900 + int(old[3]), int(old[2]), int(old[1])
    else:
        return None
    clock = (iso[4] if iso else None) or _text(header, "TIME-OBS") or _text(header, "UT")
    return _utc_ns((year, month, day), clock)


def _utc_ns(date: tuple[int, int, int], clock: str) -> int | None:
    match = _TIME.match(clock.strip())
    if not match:
        return None
    hour, minute, second = int(match[1]), int(match[2]), int(match[3])
    try:
        # A leap second (60) is the first of the next minute, as Unix time has it.
        whole = datetime(*date, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    fraction = (match[4] or "").ljust(9, "0")[:9]
    return (int(whole.timestamp()) + second - min(second, 59)) * 10**9 + int(fraction)


def _number(header: Mapping[str, Any], *keys: str) -> float | None:
    for key in keys:
        value = header.get(key)
        if isinstance(value, bool) or value is None:
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        if math.isfinite(number):
            return number
    return None


def _text(header: Mapping[str, Any], key: str) -> str:
    value = header.get(key)
    return value.strip() if isinstance(value, str) else ""
