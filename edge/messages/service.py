"""Messages outside the outbox: status, health and the server's acknowledgement."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from edge.messages.fields import (
    Count,
    Epoch,
    Identifier,
    Key,
    Rig,
    Sequence,
    Strict,
    UtcNs,
)

Session = Annotated[int, Field(ge=1, le=2**53 - 1)]


class Status(Strict):
    """Whether the rig is there; retained, and the rig's last will with state offline."""

    schema_: Literal["cosmic-edge/status/1"] = Field(
        default="cosmic-edge/status/1", alias="schema", description="Name and version."
    )
    rig: Rig = Field(description="One camera and its computer.")
    state: Literal["online", "stopped", "offline"] = Field(
        description="stopped: ended in order. offline: the broker lost it (last will)."
    )
    session: Session = Field(
        description="Rises with every start; a will of a lower session is history."
    )
    epoch: Epoch = Field(description="Epoch of its outbox.")
    ack: Literal["server", "broker"] = Field(
        description="Who lets the rig let go; broker: no server answers, PUBACK is enough."
    )
    since_utc: UtcNs | None = Field(
        default=None, description="When this state began, by the rig's clock; null: unknown."
    )
    software: Identifier | None = Field(default=None, description="Name and version.")


class Health(Strict):
    """How the rig is doing; retained, one a minute."""

    schema_: Literal["cosmic-edge/health/1"] = Field(
        default="cosmic-edge/health/1", alias="schema", description="Name and version."
    )
    rig: Rig = Field(description="One camera and its computer.")
    session: Session = Field(description="Session of the status it belongs to.")
    time_utc: UtcNs = Field(description="When it was written, by the rig's clock.")
    counters: Annotated[dict[Key, Count], Field(max_length=256)] = Field(
        default_factory=dict, description="Counts since the start, by name."
    )
    gauges: Annotated[dict[Key, float | None], Field(max_length=256)] = Field(
        default_factory=dict, description="Present values, units in the names; null: unknown."
    )
    notes: Annotated[
        dict[Key, Annotated[str, StringConstraints(max_length=256)]], Field(max_length=64)
    ] = Field(default_factory=dict, description="States and last errors, by name.")


class Ack(Strict):
    """The server's watermark for one rig; retained."""

    epoch: Epoch = Field(description="Epoch it speaks of.")
    upto: Count | None = Field(
        default=None,
        description="Every seq up to it is stored, quarantined or declared lost; only rises.",
    )
    held: Count | None = Field(
        default=None,
        description="Last seq up to `upto` that the server holds a message of; 0: none, all of it "
        "was declared lost or let go before. null: not told.",
    )
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None,
        description="Digest of that message. A rig that owes this seq with another one, or owes "
        "something up to `upto` where nothing is held, was copied or put back, and begins a new "
        "epoch.",
    )
    conflict: Sequence | None = Field(
        default=None,
        description="A seq that came twice with different content: the rig begins a new epoch.",
    )

    @property
    def holding(self) -> tuple[int, str | None] | None:
        """`held` and `digest`; None where they are not told."""
        return None if self.held is None else (self.held, self.digest)

    def after(self, before: Ack) -> Ack:
        """What this one and an earlier one of the same epoch say together."""
        higher = max((self, before), key=lambda ack: -1 if ack.upto is None else ack.upto)
        return higher.model_copy(update={"conflict": self.conflict or before.conflict})

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.upto is None and self.conflict is None:
            raise ValueError("an ack needs upto or conflict")
        return self
