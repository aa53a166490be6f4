"""Which table and columns a message goes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.messages import CalibrationMessage, ExposureMessage, HitMessage, Message


@dataclass(frozen=True, slots=True)
class Row:
    """A table and the columns of its own; every table has the envelope's beside them."""

    table: str
    columns: dict[str, Any]


def row_of(message: Message) -> Row:
    """Pick out what the server is asked for; the whole message is kept beside it."""
    if isinstance(message, HitMessage):
        return Row("hits", _hit(message))
    if isinstance(message, ExposureMessage):
        return Row("exposures", _exposure(message))
    if isinstance(message, CalibrationMessage):
        columns = {"calibration_id": message.calibration_id, "made_utc": message.made_utc}
        return Row("calibrations", columns)
    return Row("other_messages", {"kind": message.kind})


def _hit(hit: HitMessage) -> dict[str, Any]:
    position = hit.position
    return {
        "time_utc": hit.time_utc,
        "time_uncertainty_s": hit.time_uncertainty_s,
        "clock": hit.clock,
        "series": hit.series,
        "frame": hit.frame,
        "x_px": hit.x_px,
        "y_px": hit.y_px,
        "peak_adu": hit.peak_adu,
        "sum_adu": hit.sum_adu,
        "area_px": hit.area_px,
        "class": hit.class_,
        "anomaly": hit.anomaly,
        "latitude_deg": None if position is None else position.latitude_deg,
        "longitude_deg": None if position is None else position.longitude_deg,
    }


def _exposure(exposure: ExposureMessage) -> dict[str, Any]:
    return {
        "series": exposure.series,
        "from_utc": exposure.from_utc,
        "to_utc": exposure.to_utc,
        "live_time_ns": exposure.live_time_ns,
        "candidates": exposure.candidates,
        "hits": exposure.hits,
        "clock": exposure.clock.state,
    }
