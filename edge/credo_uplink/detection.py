"""A hit as CREDO's detection.

Fields, limits and their order are those of ``credo-webapp/credoapiv2`` and of the Android app.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.credo_uplink.limits import PROVIDER_CHARS, clean, int32
from edge.credo_uplink.metadata import metadata
from edge.credo_uplink.picture import Picture, gray_range, make_picture, to_gray
from edge.hits.record import StoredHit
from edge.messages import HitMessage, parse_utc_ns

_NS_PER_MS = 1_000_000


def detection(hit: StoredHit, mode: Mapping[str, Any]) -> dict[str, Any]:
    """One hit as an entry of ``detections``.

    Times are Unix milliseconds. A position that is not known is 0, 0 with the provider "none".
    ``width`` and ``height``, the frame's size, are null where `mode` does not hold them.

    Parameters
    ----------
    hit : StoredHit
        Its origin is not looked at: see `edge.credo_uplink.items`.
    mode : Mapping
        How the sensor was read; see `edge.hits.reader.HitReader.sensor_mode`.

    Raises
    ------
    ValueError
        If the crop can't be read.
    """
    message = hit.message
    counts = hit.pixels()
    gray = to_gray(counts, message.crop.bit_depth, message.crop.black_level_adu)
    picture = make_picture(counts, gray, hit.peak)
    return {
        "timestamp": parse_utc_ns(message.time_utc) // _NS_PER_MS,
        **_place(message),
        "width": int32(mode.get("width_px")),
        "height": int32(mode.get("height_px")),
        "x": int32(message.x_px),
        "y": int32(message.y_px),
        "frame_content": picture.content,
        "metadata": _metadata(message, picture),
    }


def _place(message: HitMessage) -> dict[str, Any]:
    position = message.position
    if position is None:
        return {
            "latitude": 0.0,
            "longitude": 0.0,
            "altitude": 0.0,
            "accuracy": 0.0,
            "provider": "none",
        }
    return {
        "latitude": position.latitude_deg,
        "longitude": position.longitude_deg,
        "altitude": position.altitude_m or 0.0,
        "accuracy": position.accuracy_m or 0.0,
        "provider": clean(position.provider or "", PROVIDER_CHARS, "manual"),
    }


def _metadata(message: HitMessage, picture: Picture) -> str:
    synced = message.clock == "synced"
    core = {
        "app": "cosmic-edge",
        "max": picture.brightest,
        "true_time": parse_utc_ns(message.time_utc) // _NS_PER_MS if synced else None,
        "id": message.id,
        "time_utc": message.time_utc,
        "time_uncertainty_s": message.time_uncertainty_s,
        "clock": message.clock,
        "class": message.class_,
        "peak_adu": message.peak_adu,
        "sum_adu": message.sum_adu,
        "area_px": message.area_px,
        "frames_lit": message.frames_lit,
        "bit_depth": message.crop.bit_depth,
        "black_level_adu": message.crop.black_level_adu,
        "picture": _how(message, picture),
        "temperature": message.temperature_c,
        "calibration_id": message.provenance.calibration_id,
    }
    more = {
        "window_start_utc": message.window_start_utc,
        "window_end_utc": message.window_end_utc,
        "orientation": _plain(message.orientation),
        "scores": _plain(message.scores),
        "model_id": message.provenance.model_id,
        "config_hash": message.provenance.config_hash,
        "anomaly": message.anomaly,
        "features": message.features,
    }
    return metadata(core, more)


def _how(message: HitMessage, picture: Picture) -> dict[str, Any]:
    """Say where the picture lies in the frame and how its values came from raw counts."""
    crop = message.crop
    said: dict[str, Any] = {"way": picture.way}
    if picture.content:
        black_adu, full_adu = gray_range(crop.bit_depth, crop.black_level_adu)
        said |= {
            "x0_px": crop.x0_px + picture.x0_px,
            "y0_px": crop.y0_px + picture.y0_px,
            "width_px": picture.width_px,
            "height_px": picture.height_px,
            "scale": "linear",
            "adu_of_0": black_adu,
            "adu_of_255": full_adu,
        }
    return said


def _plain(part: Any) -> dict[str, Any]:
    return {} if part is None else part.model_dump(exclude_none=True)
