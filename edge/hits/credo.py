"""Hits as one request of the CREDO API: the body of a POST to ``/detection``, version 2.

Only what a camera saw is written: CREDO's data are real hits, and it can't tell others apart.
Requests of a size that the server takes are written by `edge.credo_uplink.files`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from edge.credo_uplink.device import Device, device_of
from edge.credo_uplink.items import Item, LeftOut, offer_hit
from edge.credo_uplink.metadata import compact
from edge.errors import BadUse
from edge.hits.record import StoredHit


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
        Told the reason for each hit that is left out: see `edge.credo_uplink.items.LeftOut`.

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
    rig, written = "", 0
    with path.open("w", encoding="utf-8") as file:
        for hit in hits:
            offer = offer_hit(hit, mode_of(hit.message.provenance.calibration_id))
            if not isinstance(offer, Item):
                if isinstance(offer, LeftOut):
                    refuse(offer.reason)
                continue
            if device is None:
                device, rig = device_of(offer.rig, offer.software, model or offer.sensor), offer.rig
                file.write(_head(device))
            elif offer.rig != rig:
                raise BadUse(
                    f"hits of several rigs ({rig}, {offer.rig}): a CREDO "
                    "request has one device; choose with --rig"
                )
            file.write((",\n" if written else "\n") + compact(offer.content))
            written += 1
        if device is None:
            file.write(_head(Device(device_id="unknown", device_model=model or "unknown")))
        file.write("\n]}\n" if written else "]}\n")
    return written


def _head(device: Device) -> str:
    return compact(device.fields())[:-1] + ',"detections":['
