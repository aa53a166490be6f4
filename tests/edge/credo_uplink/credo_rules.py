"""What CREDO's serializers ask of each field.

After ``credoapiv2/serializers.py`` and ``handlers.py`` of credo-webapp.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DEVICE = ("device_id", "device_type", "device_model", "system_version", "app_version")


class Invalid(ValueError):
    """A field the serializer refuses."""


class Broken(Exception):
    """What the database behind would not take: a server error."""


def text(value: Any, most: int, *, blank: bool = False, least: int = 0) -> str:
    """Django REST framework's CharField."""
    if not isinstance(value, str):
        raise Invalid("not a valid string")
    value = value.strip()
    if "\0" in value:
        raise Invalid("null characters are not allowed")
    if not value and not blank:
        raise Invalid("may not be blank")
    if len(value) > most or len(value) < least:
        raise Invalid(f"has {len(value)} characters, at most {most}")
    return value


def whole(value: Any, bits: int = 32) -> int:
    """IntegerField; the column behind it has so many bits."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid("a valid integer is required")
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise Broken("integer out of range")
    return value


def number(value: Any) -> float:
    """FloatField."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid("a valid number is required")
    return float(value)


def maybe(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let null pass, as ``required=False, default=None, allow_null=True``."""
    return lambda value: None if value is None else check(value)


DETECTION: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "timestamp": (lambda value: whole(value, 64), True),
    "latitude": (number, True),
    "longitude": (number, True),
    "altitude": (number, True),
    "accuracy": (number, True),
    "provider": (lambda value: text(value, 20), True),
    "width": (maybe(whole), False),
    "height": (maybe(whole), False),
    "x": (maybe(whole), False),
    "y": (maybe(whole), False),
    "frame_content": (lambda value: text(value, 40_000, blank=True), False),
    "metadata": (lambda value: text(value, 10_000, blank=True), False),
}
PING: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "timestamp": (lambda value: whole(value, 64), True),
    "delta_time": (whole, True),
    "on_time": (whole, True),
    "metadata": (lambda value: text(value, 10_000, blank=True), False),
}
REGISTER: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "email": (lambda value: text(value, 254), True),
    "username": (lambda value: text(value, 50, least=3), True),
    "display_name": (lambda value: text(value, 50, least=3), True),
    "password": (lambda value: text(value, 128, least=3), True),
    "team": (lambda value: text(value, 50, blank=True), True),
    "language": (lambda value: text(value, 10), True),
}


def checked(
    value: Any, rules: dict[str, Any], unknown: set[str], more: tuple[str, ...] = ()
) -> Any:
    """Validate an object by its rules; notes keys the API does not have."""
    if not isinstance(value, dict):
        raise Invalid("Invalid data. Expected a dictionary")
    unknown |= set(value) - set(rules) - set(more)
    for name, (check, required) in rules.items():
        if name not in value:
            if required:
                raise Invalid(f"{{'{name}': ['This field is required.']}}")
            continue
        try:
            check(value[name])
        except Invalid as error:
            raise Invalid(f"{{'{name}': ['{error}']}}") from None
    return value


def check_device(value: Any) -> None:
    """The five fields of every request."""
    checked(value, {name: (lambda one: text(one, 50), True) for name in DEVICE}, set())
