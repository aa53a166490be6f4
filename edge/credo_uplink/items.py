"""What there is to send: hits and pings that are real; and what is left out, with a reason."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edge.credo_uplink.detection import detection
from edge.credo_uplink.ping import ping
from edge.hits.record import StoredHit
from edge.messages import ExposureMessage

Kind = Literal["hit", "ping"]
SettledState = Literal["sent", "refused"]


@dataclass(frozen=True, slots=True)
class Item:
    """A hit or a ping, ready for the API.

    Attributes
    ----------
    kind : {"hit", "ping"}
    rig : str
    id : str
        Of the message.
    digest : str
        64 hex digits over what was seen, not over how it is numbered: a rig that begins a new
        epoch gives what it still owes new ids.
    software : str
        Name and version of what found it.
    content : dict
        Detection, or a ping's own fields.
    sensor : str or None
        Name of the sensor, where known.
    """

    kind: Kind
    rig: str
    id: str
    digest: str
    software: str
    content: dict[str, Any]
    sensor: str | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not sent.

    Attributes
    ----------
    kind, rig, id, digest
        As of an `Item`.
    reason : str
        Origin that is no camera, ``rejected`` (a candidate that is no hit), or, of a real one,
        why it can't be sent.
    real : bool
        Whether a camera saw it.
    """

    kind: Kind
    rig: str
    id: str
    digest: str
    reason: str
    real: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What is real and needs no more: its form is not made."""

    kind: Kind
    rig: str
    id: str
    digest: str
    state: SettledState


Offer = Item | LeftOut | Settled
HowSettled = Callable[[str], SettledState | None]
"""Tells by its digest how an item was settled; None: it needs more."""


def nothing_is_settled(digest: str) -> SettledState | None:
    """For a source without a ledger."""
    return None


def offer_hit(
    hit: StoredHit,
    mode: Mapping[str, Any] | None,
    how_settled: HowSettled = nothing_is_settled,
) -> Offer:
    """Make an item of a hit, if a camera saw it.

    Parameters
    ----------
    hit : StoredHit
    mode : Mapping or None
        How the sensor was read, where that is known.
    how_settled : callable
    """
    message = hit.message
    digest = _digest(
        "hit", message.rig, message.time_utc, message.x_px, message.y_px, message.crop.data
    )
    reason = message.origin if not hit.real else "rejected" if message.rejected else None
    if reason is not None:
        return LeftOut("hit", message.rig, message.id, digest, reason, real=False)
    if (state := how_settled(digest)) is not None:
        return Settled("hit", message.rig, message.id, digest, state)
    if message.crop.data is None:  # CREDO's server never shows a hit without its picture
        return LeftOut("hit", message.rig, message.id, digest, "no_picture", real=True)
    mode = mode or {}
    try:
        content = detection(hit, mode)
    except ValueError:
        return LeftOut("hit", message.rig, message.id, digest, "unreadable_crop", real=True)
    return Item(
        "hit",
        message.rig,
        message.id,
        digest,
        message.provenance.software,
        content,
        str(mode["sensor"]) if mode.get("sensor") else None,
    )


def offer_ping(record: ExposureMessage, how_settled: HowSettled = nothing_is_settled) -> Offer:
    """Make an item of an exposure record, if it is a camera's."""
    digest = _digest("ping", record.rig, record.from_utc, record.to_utc, record.live_time_ns)
    if record.origin != "camera":
        return LeftOut("ping", record.rig, record.id, digest, record.origin, real=False)
    if (state := how_settled(digest)) is not None:
        return Settled("ping", record.rig, record.id, digest, state)
    try:
        content = ping(record)
    except ValueError:
        return LeftOut("ping", record.rig, record.id, digest, "too_long", real=True)
    return Item(
        "ping",
        record.rig,
        record.id,
        digest,
        record.provenance.software,
        content,
        record.sensor.name or None,
    )


def _digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()
