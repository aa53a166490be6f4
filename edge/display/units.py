"""Numbers as a person reads them, in characters that the terminal has."""

from __future__ import annotations

import math

_SECONDS_PER_MINUTE = 60
_SECONDS_PER_HOUR = 3600
_SECONDS_PER_DAY = 86400

_ASCII = str.maketrans(
    {
        "·": "-",
        "±": "~",
        "²": "2",
        "×": "x",
        "…": "~",
        "–": "-",
        "µ": "u",
        "°": " ",
        "≈": "~",
        "≤": "<",
        "█": "#",
        "━": "=",
        "╌": ".",
        "→": ">",
    }
)


def readable(text: str, *, ascii_only: bool) -> str:
    """Replace what a terminal without UTF-8 can't show; every line keeps its length."""
    if not ascii_only:
        return text
    return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


def duration(seconds: float) -> str:
    """Write a duration with two units at most: ``1.25 s``, ``12 min 3 s``, ``2 d 4 h``."""
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _SECONDS_PER_HOUR:
        return _two_units(whole, _SECONDS_PER_MINUTE, "min", 1, "s")
    if whole < _SECONDS_PER_DAY:
        return _two_units(whole, _SECONDS_PER_HOUR, "h", _SECONDS_PER_MINUTE, "min")
    return _two_units(whole, _SECONDS_PER_DAY, "d", _SECONDS_PER_HOUR, "h")


def _two_units(seconds: int, large_s: int, large: str, small_s: int, small: str) -> str:
    return f"{seconds // large_s} {large} {seconds % large_s // small_s} {small}"


def uncertainty(seconds: float | None) -> str:
    """Write a clock's bound with two digits: ``±0.4 ms``, ``±12 s``; empty where unknown."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        value = seconds * factor
        if value >= 1.0 or unit == "µs":
            return f"±{value:.0f} {unit}" if value >= 9.95 else f"±{value:.1f} {unit}"
    raise AssertionError("the last unit takes everything")


def count(number: float) -> str:
    """Write a count with thousands set apart: ``22,431``."""
    return f"{number:,.0f}"


def share(part: float, whole: float) -> str:
    """Write a share in percent: ``99.3 %``; empty where the whole is nothing."""
    return f"{100 * part / whole:.1f} %" if whole > 0 else ""


def percent(share: float, decimals: int = 1) -> str:
    """Write a share in percent: ``99.3 %``; never 100 for what is not all."""
    most = 100.0 if share >= 1 else 100 - 10.0**-decimals
    return f"{min(100 * share, most):.{decimals}f} %"


def size(octets: float) -> str:
    """Write a size on disk: ``1.5 GB`` (powers of ten, as disks are sold)."""
    for unit in ("B", "kB", "MB", "GB"):
        if octets < 1000:
            return f"{octets:.0f} {unit}" if unit == "B" else f"{octets:.1f} {unit}"
        octets /= 1000
    return f"{octets:.1f} TB"
