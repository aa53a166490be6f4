"""Messages to bytes and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from edge.messages.envelope import SCHEMAS, message_id
from edge.messages.exposure import ExposureMessage
from edge.messages.fields import Strict
from edge.messages.hit import HitMessage
from edge.messages.records import CalibrationMessage, ClockMessage, LostMessage

Message: TypeAlias = HitMessage | ExposureMessage | CalibrationMessage | LostMessage | ClockMessage
MESSAGE_TYPES: dict[str, type[Message]] = {
    "hit": HitMessage,
    "exposure": ExposureMessage,
    "calibration": CalibrationMessage,
    "lost": LostMessage,
    "clock": ClockMessage,
}
"""Model of each kind of message that goes through the outbox."""
MAX_MESSAGE_BYTES = 1_000_000
"""What the example broker takes (`message_size_limit`); holds the largest crop."""
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="schema_")])
_Service = TypeVar("_Service", bound=Strict)


class MessageError(ValueError):
    """A message that is none, in one line."""


def encode(message: Mapping[str, Any]) -> bytes:
    """Write a message as JSON: UTF-8, no spaces, fields in the order given, no NaN.

    Raises
    ------
    MessageError
        For a value JSON has no word for.
    """
    try:
        text = json.dumps(
            message, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
        )
        return text.encode("utf-8")
    except (ValueError, TypeError) as error:
        raise MessageError(f"message can't be written as JSON: {error}") from None


def parse_message(payload: bytes) -> Message:
    """Read and check a message that came through an outbox.

    Raises
    ------
    MessageError
        One line: the first field that is wrong and why; an unknown or newer schema by its name.
    """
    if len(payload) > MAX_MESSAGE_BYTES:
        raise MessageError(f"message of {len(payload)} bytes is over {MAX_MESSAGE_BYTES}")
    try:
        return _MESSAGE.validate_json(payload)
    except ValidationError as error:
        raise MessageError(_one_line(error, _schema_of(payload))) from None


def parse_service(model: type[_Service], payload: bytes) -> _Service:
    """Read and check a message outside the outbox: `Status`, `Health`, `Ack`, `Command`, `Reply`.

    Raises
    ------
    MessageError
        One line: the first field that is wrong and why; or a name that stands twice, which readers
        understand in different ways.
    """
    if len(payload) > MAX_MESSAGE_BYTES:
        raise MessageError(f"message of {len(payload)} bytes is over {MAX_MESSAGE_BYTES}")
    try:
        found = model.model_validate_json(payload)
    except ValidationError as error:
        raise MessageError(_one_line(error, None)) from None
    _object(payload)
    return found


def digest(payload: bytes) -> str:
    """Hash a message's content; equal for two copies of the same message.

    Returns
    -------
    str
        As `content_digest`; over the bytes themselves where that knows none.
    """
    try:
        return content_digest(payload)
    except MessageError:
        return hashlib.sha256(payload).hexdigest()


def content_digest(payload: bytes) -> str:
    """Hash what a message says.

    The floor is left out: it says what the rig owed when it first published, not what was found.
    A rig that was put back to a moment before that publish writes another floor, and that alone
    must not look like a conflict. Order of fields and spaces don't matter either.

    Returns
    -------
    str
        64 hex digits of SHA-256 over the message without ``floor``, its keys sorted.

    Raises
    ------
    MessageError
        It is no JSON object, or one that readers understand in different ways.
    """
    return _digest_of(_object(payload))


def _object(payload: bytes) -> dict[str, Any]:
    try:
        message = _JSON.decode(payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MessageError(f"no plain JSON: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(message, dict):
        raise MessageError("no JSON object")
    return message


def digest_under(payload: bytes, epoch: str, seq: int) -> str:
    """Hash a message as `digest` would, had it been sent as this epoch's `seq`.

    Raises
    ------
    MessageError
        As `content_digest`.
    """
    message = _object(payload)
    rig = str(message.get("rig"))
    key = {"epoch": epoch, "seq": seq, "id": message_id(rig, epoch, seq)}
    return _digest_of({**message, **key})


def _digest_of(message: dict[str, Any]) -> str:
    message.pop("floor", None)
    # ASCII: a lone surrogate escape is legal JSON but has no UTF-8.
    return hashlib.sha256(_SORTED.encode(message).encode("ascii")).hexdigest()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """One object; of a name that comes twice some readers take the first, some the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:80]!r} is there twice")
    return found


def _refuse(token: str) -> None:
    """NaN and infinities: Python's and pydantic's JSON has them, a database's has not."""
    raise ValueError(f"{token} is no number")


_SORTED = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_JSON = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)


def _plain(value: Any) -> Any:
    """NumPy's scalars as Python's."""
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", None) == 0:
        return item()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _schema_of(payload: bytes) -> str | None:
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    schema = message.get("schema") if isinstance(message, dict) else None
    return schema if isinstance(schema, str) else None


def _one_line(error: ValidationError, schema: str | None) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "union_tag_invalid":
        known = ", ".join(SCHEMAS.values())
        return f"unknown schema {str(schema)[:80]!r}; this software reads {known}"
    if first["type"] == "union_tag_not_found":
        return "message has no schema"
    place = ".".join(str(part) for part in first["loc"] if part != schema)
    what = " ".join(first["msg"].removeprefix("Value error, ").split())[:200]
    return f"{place[:120]}: {what}" if place else what
