"""Values that are more than a number: URLs, host names, paths."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field

HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]{1,253}$")]
BROKER_SCHEMES = ("mqtt", "mqtts")


def default_state_dir() -> Path:
    """Where a program of this user keeps its state."""
    return Path(os.path.expanduser("~/.local/state/cosmic-edge"))


def file_path(value: Any) -> Any:
    """A path with ``~`` resolved; "" is refused, for it would name the working folder."""
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("must not be empty")
        # Not Path.expanduser: it raises for a user without a home.
        return Path(os.path.expanduser(value))
    return value


def model_choice(value: Any) -> Any:
    """``shipped``, ``rules``, or the path of a ``.tflite`` file."""
    if not isinstance(value, str) or value in ("shipped", "rules"):
        return value
    if not value.lower().endswith(".tflite"):
        raise ValueError(
            f'must be "shipped", "rules" or a path that ends in .tflite, not "{value}"'
        )
    return file_path(value)


def source_url(value: Any) -> Any:
    """A source URL of a scheme that is known; the source itself looks at the rest."""
    from edge.errors import BadUse
    from edge.sources.url import parse_source_url

    if isinstance(value, str):
        try:
            parse_source_url(value)
        except BadUse as error:
            raise ValueError(str(error)) from None
    return value


def broker_url(value: Any) -> Any:
    """``mqtt[s]://host[:port][?option=value&…]``, without name and password.

    The options are those of `edge.delivery.address.BrokerAddress`.
    """
    if not isinstance(value, str):
        return value
    if "@" in value.partition("?")[0]:
        # Not quoted: the line may end up in a log.
        raise ValueError("must hold no password; use username and password_file")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f'"{value}" is no URL ({str(error).lower()})') from None
    if parts.scheme not in BROKER_SCHEMES or not parts.hostname or port == 0:
        raise ValueError(f'must be mqtt://host[:port] or mqtts://host[:port], not "{value}"')
    if parts.path.strip("/") or parts.fragment:
        raise ValueError(f'must end after the port or its ?options, not "{value}"')
    if parts.query:
        _check_broker_options(value)
    return value


def _check_broker_options(url: str) -> None:
    # Imported where there are some: the outbox comes with it, which a configuration needs not.
    from edge.delivery.address import check_broker_url
    from edge.errors import BadUse

    try:
        check_broker_url(url)
    except BadUse as error:
        raise ValueError(str(error)) from None


def metrics_address(value: Any) -> Any:
    """``[HOST:]PORT``, as `edge.metrics.address.Listen` reads it."""
    from edge.errors import BadUse
    from edge.metrics.address import Listen

    if isinstance(value, str):
        try:
            Listen.parse(value)
        except BadUse as error:
            raise ValueError(str(error).rpartition(": ")[2]) from None
    return value
