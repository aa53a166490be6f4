"""Which table and columns a message goes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.messages import (
    CalibrationMessage,
    ExposureMessage,
    HitMessage,
    LostMessage,
    Message,
)


@dataclass(frozen=True, slots=True)
class Row:
    """A table and a message's columns in it, without the message itself."""

    table: str
    columns: dict[str, Any]


def row_of(message: Message) -> Row:
    """Pick out what the server is asked for; the whole message is kept beside it."""
    table, columns = _own(message)
    key = {"rig": message.rig, "epoch": message.epoch, "seq": message.seq}
    return Row(table, {**key, **columns, "origin": message.origin})


def _own(message: Message) -> tuple[str, dict[str, Any]]:
    if isinstance(message, HitMessage):
        return "hits", _hit(message)
    if isinstance(message, ExposureMessage):
        return "exposures", _exposure(message)
    if isinstance(message, CalibrationMessage):
        columns = {"calibration_id": message.calibration_id, "made_utc": message.made_utc}
        return "calibrations", columns
    return ("lost" if isinstance(message, LostMessage) else "clocks"), {}


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
        "score_spot": hit.scores.spot,
        "score_track": hit.scores.track,
        "score_worm": hit.scores.worm,
        "score_artefact": hit.scores.artefact,
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
