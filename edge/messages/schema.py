"""JSON Schema of each message, from the models."""

from __future__ import annotations

from typing import Any

from edge.messages.codec import MESSAGE_TYPES
from edge.messages.commands import Command, Reply
from edge.messages.fields import Strict
from edge.messages.service import Ack, Health, Status

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SERVICE: dict[str, type[Strict]] = {
    "status": Status,
    "health": Health,
    "ack": Ack,
    "command": Command,
    "reply": Reply,
}


def schema_models() -> dict[str, type[Strict]]:
    """Every published model by the name of its schema, such as ``hit-1``."""
    models: dict[str, type[Strict]] = dict(MESSAGE_TYPES)
    models.update(_SERVICE)
    return {f"{kind}-1": model for kind, model in models.items()}


def json_schema(name: str) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of one message.

    A schema can't say what the models check beyond it: the sums of an exposure, the id, the order
    of times and ranges, the size of the PNG.
    """
    schema = schema_models()[name].model_json_schema(by_alias=True, mode="validation")
    kind, _, version = name.rpartition("-")
    title = schema.pop("title")
    return {
        "$schema": _DIALECT,
        "$id": f"urn:cosmic-edge:{kind}:{version}",
        "title": title,
        **schema,
    }
