"""A hit as the body of its message: ``cosmic-edge/hit/1`` without the envelope."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

from edge.clock import Clock
from edge.crop import encode_png
from edge.detection import Crop, FrameStamp, Hit
from edge.frame import SensorMode
from edge.messages.utc import format_utc_ns
from edge.timeline import RecordedTimeline, Timeline, exposure_ns

# Enough for every feature, and short of the last digits, in which libraries and processors differ:
# the same frames give the same bytes.
_SIGNIFICANT_DIGITS = 6
_SCORE_DECIMALS = 4
_ADU_DECIMALS = 3


def hit_body(
    hit: Hit,
    clock: Clock,
    provenance: Mapping[str, Any],
    position: Mapping[str, Any] | None = None,
    orientation: Mapping[str, Any] | None = None,
    *,
    timeline: Timeline | None = None,
    black_level_adu: float | None = None,
) -> dict[str, Any]:
    """Write a hit down as plain JSON values, in the order the plan gives.

    The window is the exposure of the brightest pixel's row: a rolling shutter starts row r
    ``r · row time`` after the first. All times come from one look at the clock, at the window's
    middle, so that they agree with each other whatever the clock does meanwhile.

    Parameters
    ----------
    hit : Hit
    clock : Clock
        Dates instants of the source's axis.
    provenance : Mapping
        calibration_id, model_id, config_hash, software.
    position, orientation : Mapping or None
        Where the rig stands and its sensor looks.
    timeline : Timeline, optional
        Where frames lie on that axis. Without one it is the frame's own stated time: Unix, else
        the sensor's, else its place at the stated rate; a recording that has sensor times alone
        needs its `RecordedTimeline`.
    black_level_adu : float, optional
        Level of a dark pixel as measured; without it, as the camera states it.

    Returns
    -------
    dict
        For `edge.messages.envelope`. ``boot_id`` and ``time_boot_ns`` are there for a live source
        alone: with them a ``clock`` message can date the hit later.
    """
    stamp, candidate = hit.frame, hit.candidate
    first_row_ns = _start_ns(stamp) if timeline is None else timeline.start_ns(stamp)
    start_ns = first_row_ns + candidate.y_px * stamp.mode.row_time_ns
    end_ns = start_ns + exposure_ns(stamp)
    middle_ns = (start_ns + end_ns) // 2
    dated = clock.stamp(middle_ns)
    boot: dict[str, Any] = {}
    if clock.boot_id is not None:
        boot = {"boot_id": clock.boot_id, "time_boot_ns": middle_ns}
    return {
        "time_utc": format_utc_ns(dated.utc_ns),
        "time_uncertainty_s": _bound(dated.uncertainty_s),
        "window_start_utc": format_utc_ns(dated.utc_ns - (middle_ns - start_ns)),
        "window_end_utc": format_utc_ns(dated.utc_ns + (end_ns - middle_ns)),
        "clock": dated.state,
        **boot,
        "series": stamp.series,
        "frame": stamp.index,
        "frames_lit": hit.frames_lit,
        "x_px": candidate.x_px,
        "y_px": candidate.y_px,
        "peak_adu": candidate.peak_adu,
        "sum_adu": _rounded(candidate.sum_adu, _ADU_DECIMALS),
        "area_px": candidate.area_px,
        "crop": _crop(candidate.crop, stamp.mode, black_level_adu),
        "features": {name: _significant(value) for name, value in hit.features.items()},
        "class": hit.label,
        "scores": _shares(hit.scores),
        "votes": None if hit.votes is None else _shares(hit.votes),
        "anomaly": None if hit.anomaly is None else _significant(hit.anomaly),
        "temperature_c": _temperature(stamp.temperature_c),
        "position": None if position is None else dict(position),
        "orientation": None if orientation is None else dict(orientation),
        "provenance": dict(provenance),
    }


def _start_ns(stamp: FrameStamp) -> int:
    """Start of exposure of the first row as the frame itself states it."""
    if stamp.utc_ns is None and stamp.sensor_time_ns is not None:
        return stamp.sensor_time_ns
    return RecordedTimeline().start_ns(stamp)


def _crop(crop: Crop, mode: SensorMode, measured_adu: float | None) -> dict[str, Any]:
    height_px, width_px = crop.pixels.shape
    black_level = mode.black_level_adu if measured_adu is None else measured_adu
    return {
        "x0_px": crop.x0_px,
        "y0_px": crop.y0_px,
        "width_px": width_px,
        "height_px": height_px,
        "bit_depth": mode.bit_depth,
        "black_level_adu": None if black_level is None else _rounded(black_level, _ADU_DECIMALS),
        "encoding": "png",
        "data": base64.b64encode(encode_png(crop)).decode("ascii"),
    }


def _bound(uncertainty_s: float | None) -> float | None:
    """Round up to whole nanoseconds: a bound must not become smaller than it was."""
    return None if uncertainty_s is None else math.ceil(uncertainty_s * 1e9) / 1e9


def _temperature(celsius: float | None) -> float | None:
    """Round to a thousandth of a degree; a sensor that reports no number has none."""
    if celsius is None or not math.isfinite(celsius):
        return None
    return _rounded(celsius, 3)


def _rounded(value: float, decimals: int) -> float:
    return round(float(value), decimals) + 0.0  # no minus before a zero


def _shares(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: _rounded(value, _SCORE_DECIMALS) for name, value in shares.items()}


def _significant(value: float) -> float:
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}") + 0.0
