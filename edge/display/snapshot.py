"""What the live table shows: one moment of a run, every field optional."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.frame import Pixels


@dataclass(frozen=True, slots=True, eq=False)
class CropView:
    """A crop to draw small.

    Attributes
    ----------
    pixels : ndarray, shape (height, width), uint8 or uint16
        Raw counts.
    label : str
        Its class.
    caption : str
        A short second line, such as the time.
    peak : tuple of int, optional
        Row and column of the brightest pixel inside the crop; what touches it is shown close up.
    """

    pixels: Pixels
    label: str = ""
    caption: str = ""
    peak: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One moment of a run, a demo or a replay. None: not known, and not shown.

    Attributes
    ----------
    command, rig, source : str
        What runs, on what.
    state : str
        One word or two: "calibrating", "watching", "uncovered", "draining".
    note : str
        The last thing that went wrong, in one line ("" for nothing).
    origin : str
        Origin of the hits; what is not "camera" is named as such.
    elapsed_s : float
        Since the start.
    frames_per_s : float
        Frames handled per second, lately.
    frames : mapping of str to int
        Frame counts by name (received, processed, calibrating, uncovered, dropped, bad, missing).
    frames_total : int
        Frames of the recording, for a progress bar.
    live_time_s : float
        Time in which a hit would have been seen.
    dead_time_s : float or mapping of str to float
        Time in which none could be seen, in all or by cause.
    area_cm2 : float
        Sensitive area, for the expected hits.
    muons_per_cm2_min : float
        Rate for the expected hits; about 1 at sea level.
    expected_hits : float
        Hits expected until now, where the source knows better than the area (a simulation).
    hits : int
        Hits found.
    by_class : mapping of str to int
        Hits by class.
    candidates : int
        Candidates until now.
    rejected : mapping of str to int
        Rejected candidates by reason.
    efficiency : mapping, optional
        Measured with synthetic particles, as `edge.injection.tally.InjectionTally.summary` has it.
    clock : str
        synced, holdover or unsynced.
    clock_uncertainty_s : float
        The clock's bound.
    temperature_c : float
        Of the sensor.
    calibration_done, calibration_wanted : int
        Dark frames taken, and wanted, while calibrating.
    calibration_id : str
        Of the calibration in use.
    connection : str
        State of the uplink, such as "connected", "waiting 12 s".
    published, acknowledged, outbox, stored : int
        Messages sent, hits at or below the watermark, messages still owed, hits in the store.
    crops : tuple of CropView
        The last hits, newest first.
    """

    command: str = ""
    rig: str = ""
    source: str = ""
    state: str = ""
    note: str = ""
    origin: str = "camera"
    elapsed_s: float | None = None
    frames_per_s: float | None = None
    frames: Mapping[str, int] = field(default_factory=dict)
    frames_total: int | None = None
    live_time_s: float | None = None
    dead_time_s: float | Mapping[str, float] | None = None
    area_cm2: float | None = None
    muons_per_cm2_min: float = 1.0
    expected_hits: float | None = None
    hits: int | None = None
    by_class: Mapping[str, int] = field(default_factory=dict)
    candidates: int | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)
    efficiency: Mapping[str, Any] | None = None
    clock: str = ""
    clock_uncertainty_s: float | None = None
    temperature_c: float | None = None
    calibration_done: int | None = None
    calibration_wanted: int | None = None
    calibration_id: str = ""
    connection: str = ""
    published: int | None = None
    acknowledged: int | None = None
    outbox: int | None = None
    stored: int | None = None
    crops: tuple[CropView, ...] = ()


def expected_muons(
    area_cm2: float | None, live_time_s: float | None, muons_per_cm2_min: float = 1.0
) -> float | None:
    """Muons expected through a horizontal sensor.

    Parameters
    ----------
    area_cm2 : float or None
        Sensitive area.
    live_time_s : float or None
        Time in which they would have been seen.
    muons_per_cm2_min : float
        Their rate; about 1 per cm² and minute at sea level.

    Returns
    -------
    float or None
        None where either is unknown.
    """
    if area_cm2 is None or live_time_s is None:
        return None
    return area_cm2 * live_time_s * muons_per_cm2_min / 60


def chance_of_none(expected: float) -> float:
    """Probability of no hit at all where `expected` are expected (Poisson)."""
    return math.exp(-max(expected, 0.0))
