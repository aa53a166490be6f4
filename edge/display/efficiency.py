"""Measured efficiency in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.display import units


def efficiency_line(measured: Mapping[str, Any]) -> str:
    """Write down how many of the synthetic particles were found.

    Parameters
    ----------
    measured : mapping
        As `edge.injection.tally.InjectionTally.summary` gives it.
    """
    injected = measured["injected"]
    if not injected:
        return "no particle injected yet"
    low, high = measured["interval_95"]
    parts = [
        f"{units.percent(measured['efficiency'])} of {units.count(injected)} injected particles "
        f"found (95 %: {100 * low:.1f} to {units.percent(high)})"
    ]
    parts += [
        f"{one['from_sigma']:g} to {one['to_sigma']:g} sigma {units.percent(one['efficiency'])}"
        for one in measured["by_peak_sigma"]
    ]
    return " · ".join(parts)


def efficiency_note(measured: Mapping[str, Any]) -> str:
    """Write down the same without its parts."""
    return efficiency_line({**measured, "by_peak_sigma": []})
