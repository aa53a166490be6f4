"""An exposure record as CREDO's ping: that a device was on, and for how long it really looked."""

from __future__ import annotations

from typing import Any

from edge.credo_uplink.limits import INT32_MAX
from edge.credo_uplink.metadata import metadata
from edge.messages import ExposureMessage, parse_utc_ns

_NS_PER_MS = 1_000_000


def ping(record: ExposureMessage) -> dict[str, Any]:
    """One record as a ping's own fields.

    ``timestamp`` is the end of the span, ``delta_time`` its length (the time since the ping
    before), ``on_time`` the live time in it: "duration of detector working and registering
    events", which starts at 0 with each ping. All in milliseconds.

    Raises
    ------
    ValueError
        A time is longer than the server can hold, 24.8 days.
    """
    delta_ms, on_ms = _span_ns(record) // _NS_PER_MS, record.live_time_ns // _NS_PER_MS
    if max(delta_ms, on_ms) > INT32_MAX:
        raise ValueError("span of more than 24.8 days")
    return {
        "timestamp": parse_utc_ns(record.to_utc) // _NS_PER_MS,
        "delta_time": delta_ms,
        "on_time": on_ms,
        "metadata": _metadata(record),
    }


def _span_ns(record: ExposureMessage) -> int:
    """Length of the span; by the boot clock where it is known, for that is never stepped."""
    if record.from_boot_ns is not None and record.to_boot_ns is not None:
        return max(record.to_boot_ns - record.from_boot_ns, 0)
    return max(parse_utc_ns(record.to_utc) - parse_utc_ns(record.from_utc), 0)


def _metadata(record: ExposureMessage) -> str:
    core = {
        "app": "cosmic-edge",
        "id": record.id,
        "from_utc": record.from_utc,
        "to_utc": record.to_utc,
        "clock": record.clock.state,
        "time_uncertainty_s": record.clock.uncertainty_s,
        "frames": record.frames.model_dump(),
        "candidates": record.candidates,
        "hits": record.hits,
        "temperature": record.temperature_c,
        "calibration_id": record.provenance.calibration_id,
    }
    more = {
        "sensor": record.sensor.model_dump(exclude_none=True),
        "thresholds": record.thresholds,
        "dead_time_ns": record.dead_time_ns,
        "rejected": record.rejected,
    }
    return metadata(core, more)
