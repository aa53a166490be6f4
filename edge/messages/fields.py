"""What the messages' fields have in common: their base class, bounded numbers, names and times."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from edge.messages.utc import UTC_NS_PATTERN, parse_utc_ns

MAX_COUNT = 2**53 - 1
"""Largest count: what every JSON reader keeps exact."""
MAX_NS = 2**63 - 1


class Strict(BaseModel):
    """A part of a message: unknown fields, NaN and numbers written as text are refused."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, protected_namespaces=()
    )


def _is_utc(text: str) -> str:
    parse_utc_ns(text)
    return text


UtcNs: TypeAlias = Annotated[
    str, StringConstraints(pattern=UTC_NS_PATTERN), AfterValidator(_is_utc)
]
RIG_PATTERN = r"^[a-z0-9-]{1,64}$"
Rig: TypeAlias = Annotated[str, StringConstraints(pattern=RIG_PATTERN)]
Epoch: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,64}$")]
Sequence: TypeAlias = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Nanoseconds: TypeAlias = Annotated[int, Field(ge=0, le=MAX_NS)]
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Key: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Text: TypeAlias = Annotated[str, StringConstraints(max_length=256)]
Identifier: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Temperature: TypeAlias = Annotated[float, Field(ge=-273.15, le=1000)]
Uncertainty: TypeAlias = Annotated[float, Field(ge=0)]
Numbers: TypeAlias = Annotated[dict[Key, float], Field(max_length=64)]
Counts: TypeAlias = Annotated[dict[Key, Count], Field(max_length=64)]
Durations: TypeAlias = Annotated[dict[Key, Nanoseconds], Field(max_length=64)]
