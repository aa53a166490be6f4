"""Exports as the CREDO API has them: the body of a POST to ``/detection``, version 2.

Fields, limits and their order are those of ``credo-webapp/credoapiv2`` and of the Android app.
Only what a camera saw is written: CREDO's data are real hits, and it can't tell others apart.
"""

from __future__ import annotations

import base64
import json
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.crop import encode_png
from edge.detection import Crop
from edge.errors import BadUse
from edge.frame import Pixels
from edge.hits.record import StoredHit
from edge.messages import HitMessage, parse_utc_ns

FRAME_CONTENT_CHARS = 40_000
"""The server refuses a picture of this length; its own documentation says 10,000."""
_DEVICE_CHARS = 50
_PROVIDER_CHARS = 20


@dataclass(frozen=True, slots=True)
class Device:
    """The five fields of every request; each is cut to 50 characters.

    Attributes
    ----------
    device_id, device_type, device_model, system_version, app_version : str
    """

    device_id: str
    device_type: str = "cosmic-edge"
    device_model: str = "unknown"
    system_version: str = "unknown"
    app_version: str = "unknown"

    def fields(self) -> dict[str, str]:
        """Ready for JSON, in CREDO's order; none is empty."""
        return {
            name: str(value)[:_DEVICE_CHARS] or "unknown" for name, value in asdict(self).items()
        }


def device_of(hit: StoredHit, model: str = "unknown") -> Device:
    """Describe the rig of a hit; the system is this computer's."""
    return Device(
        device_id=hit.message.rig,
        device_model=model,
        system_version=f"{platform.system()}-{platform.release()}",
        app_version=hit.message.provenance.software,
    )


def write_credo(
    hits: Iterable[StoredHit],
    path: Path,
    *,
    mode_of: Callable[[str | None], Mapping[str, Any] | None],
    model: str | None,
    refuse: Callable[[str], None],
) -> int:
    """Write hits as one CREDO request.

    Parameters
    ----------
    hits : iterable of StoredHit
        Of one rig.
    path : Path
        JSON file to write.
    mode_of : callable
        `HitReader.sensor_mode`: the frame's size and the sensor's name are no part of a hit.
    model : str or None
        ``device_model``; None: the sensor's name.
    refuse : callable
        Told the reason for each hit that is left out: its origin, or ``unreadable_crop``.

    Returns
    -------
    int
        How many were written.

    Raises
    ------
    edge.errors.BadUse
        The hits are of several rigs: a request has one device.
    """
    device: Device | None = None
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for hit in hits:
            if not hit.real:
                refuse(hit.message.origin)
                continue
            mode = mode_of(hit.message.provenance.calibration_id) or {}
            if device is None:
                device = device_of(hit, model or str(mode.get("sensor") or "unknown"))
                file.write(_head(device))
            elif hit.message.rig != device.device_id:
                raise BadUse(
                    f"hits of several rigs ({device.device_id}, {hit.message.rig}): a CREDO "
                    "request has one device; choose with --rig"
                )
            try:
                found = detection(hit, mode)
            except ValueError:
                refuse("unreadable_crop")
                continue
            file.write((",\n" if written else "\n") + _json(found))
            written += 1
        if device is None:
            file.write(_head(Device(device_id="unknown", device_model=model or "unknown")))
        file.write("\n]}\n" if written else "]}\n")
    return written


def detection(hit: StoredHit, mode: Mapping[str, Any]) -> dict[str, Any]:
    """One hit as CREDO's detection.

    Times are Unix milliseconds. A position that is not known is 0, 0 with the provider "none".
    ``width`` and ``height``, the frame's size, are null where `mode` does not hold them.

    Raises
    ------
    ValueError
        If the crop can't be read.
    """
    message = hit.message
    gray = to_gray(hit.pixels(), message.crop.bit_depth, message.crop.black_level_adu)
    return {
        "timestamp": parse_utc_ns(message.time_utc) // 1_000_000,
        **_place(message),
        "width": mode.get("width_px"),
        "height": mode.get("height_px"),
        "x": message.x_px,
        "y": message.y_px,
        "frame_content": frame_content(gray, hit.peak),
        "metadata": _metadata(hit, int(gray.max())),
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
        "provider": (position.provider or "manual")[:_PROVIDER_CHARS],
    }


def to_gray(pixels: Pixels, bit_depth: int, black_level_adu: float | None) -> NDArray[np.uint8]:
    """Scale raw counts to 8 bits: black level to 0, full scale to 255, in proportion.

    CREDO hides crops whose mean is bright, so the black level must not stay in.
    """
    black = black_level_adu or 0.0
    span = max((1 << bit_depth) - 1 - black, 1.0)
    scaled = (pixels.astype(np.float32) - np.float32(black)) * np.float32(255.0 / span)
    return np.asarray(np.rint(np.clip(scaled, 0.0, 255.0)), dtype=np.uint8)


def frame_content(gray: NDArray[np.uint8], peak: tuple[int, int]) -> str:
    """Write a picture as base64 of a PNG below the server's limit.

    A picture that is too large is cut around its brightest pixel, never scaled.
    """
    side = max(gray.shape)
    while True:
        text = base64.b64encode(encode_png(Crop(_around(gray, peak, side), 0, 0))).decode("ascii")
        if len(text) < FRAME_CONTENT_CHARS or side <= 1:
            return text
        side = side * 7 // 8


def _around(gray: NDArray[np.uint8], peak: tuple[int, int], side: int) -> NDArray[np.uint8]:
    spans = []
    for centre, length in zip(peak, gray.shape, strict=True):
        start = min(max(centre - side // 2, 0), max(length - side, 0))
        spans.append(slice(start, start + side))
    return gray[spans[0], spans[1]]


def _metadata(hit: StoredHit, brightest: int) -> str:
    message = hit.message
    values: dict[str, Any] = {"app": "cosmic-edge", "max": brightest}
    if message.clock == "synced":
        values["true_time"] = parse_utc_ns(message.time_utc) // 1_000_000
    values |= {
        "id": message.id,
        "time_utc": message.time_utc,
        "time_uncertainty_s": message.time_uncertainty_s,
        "clock": message.clock,
        "class": message.class_,
        "peak_adu": message.peak_adu,
        "area_px": message.area_px,
        "bit_depth": message.crop.bit_depth,
        "black_level_adu": message.crop.black_level_adu,
        "temperature": message.temperature_c,
        "calibration_id": message.provenance.calibration_id,
    }
    return _json({name: value for name, value in values.items() if value is not None})


def _head(device: Device) -> str:
    return _json(device.fields())[:-1] + ',"detections":['


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
