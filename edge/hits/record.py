"""One stored hit, checked when it is read."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from edge.crop import decode_png
from edge.errors import Failed
from edge.frame import Pixels
from edge.messages import SCHEMAS, HitMessage, MessageError, parse_message

_SCHEMA = SCHEMAS["hit"]
_FAMILY, _VERSION = _SCHEMA.rsplit("/", 1)


@dataclass(frozen=True, slots=True)
class Damage:
    """Entries that could not be read: how many, and one line on the first."""

    count: int = 0
    first: str = ""

    def __bool__(self) -> bool:
        return self.count > 0

    def and_one(self, why: str) -> Damage:
        """Count one more."""
        return Damage(self.count + 1, self.first or why)


@dataclass(frozen=True, slots=True, eq=False)
class StoredHit:
    """A hit as it lies on disk.

    Attributes
    ----------
    message : HitMessage
        The whole message, checked.
    delivered : bool or None
        True: at or below the server's watermark. None: nothing is known of it (a replay).
    """

    message: HitMessage
    delivered: bool | None = None

    @property
    def real(self) -> bool:
        """True where a camera saw it: neither replayed nor simulated nor injected."""
        return self.message.origin == "camera"

    @property
    def peak(self) -> tuple[int, int]:
        """Row and column of the brightest pixel inside the crop."""
        message = self.message
        return message.y_px - message.crop.y0_px, message.x_px - message.crop.x0_px

    def lies_in(self, shape: tuple[int, ...]) -> bool:
        """Whether that place is inside a crop of such a shape, as it should be."""
        return all(0 <= at < size for at, size in zip(self.peak, shape, strict=True))

    def pixels(self) -> Pixels:
        """Raw counts of the crop, shape (height, width), uint8 or uint16.

        Raises
        ------
        ValueError
            If the PNG inside is damaged, or was given up by the rig.
        """
        return decode_png(self.png())

    def png(self) -> bytes:
        """PNG of the crop as it was written.

        Raises
        ------
        ValueError
            If the rig gave it up, to keep the hit.
        """
        crop = self.message.crop
        if crop.data is None:
            raise ValueError(f"its picture was given up by the rig ({crop.dropped})")
        return base64.b64decode(crop.data)

    def to_json(self) -> dict[str, Any]:
        """The message as it was written, ready for JSON."""
        return self.message.model_dump(by_alias=True, exclude_unset=True)


def parse_hit(payload: bytes, place: str, delivered: bool | None = None) -> StoredHit:
    """Read one hit message.

    Parameters
    ----------
    payload : bytes
        JSON.
    place : str
        File and line or row, for the error's line.
    delivered : bool, optional
        What is known of its delivery.

    Raises
    ------
    MessageError
        It is damaged: one line, without the place.
    edge.errors.Failed
        It is whole, but of a newer version, or no hit at all: the file is not what was asked for.
    """
    try:
        message = parse_message(payload)
    except MessageError:
        _refuse_newer(payload, place)
        raise
    if not isinstance(message, HitMessage):
        raise Failed(f"{place}: holds {message.kind} messages, not hits")
    return StoredHit(message, delivered)


def _refuse_newer(payload: bytes, place: str) -> None:
    try:
        schema = json.loads(payload).get("schema")
        family, version = str(schema).rsplit("/", 1)
        newer = family == _FAMILY and int(version) > int(_VERSION)
    except (ValueError, AttributeError, RecursionError):
        return
    if newer:
        raise Failed(
            f"{place}: hits of a newer version ({schema}, this program reads {_SCHEMA}); "
            "update cosmic-edge"
        )
