"""The envelope every message of the outbox begins with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from edge.frame import Origin
from edge.messages.fields import Epoch, Rig, Sequence, Strict

SCHEMAS = {
    "hit": "cosmic-edge/hit/1",
    "exposure": "cosmic-edge/exposure/1",
    "calibration": "cosmic-edge/calibration/1",
    "lost": "cosmic-edge/lost/1",
    "clock": "cosmic-edge/clock/1",
}
"""Schema of each kind of message that goes through the outbox."""


def message_id(rig: str, epoch: str, seq: int) -> str:
    """Identify a message: 32 hex digits of SHA-256 over ``rig/epoch/seq``."""
    return hashlib.sha256(f"{rig}/{epoch}/{seq}".encode()).hexdigest()[:32]


def envelope(
    kind: str, body: Mapping[str, Any], *, rig: str, epoch: str, seq: int, floor: int, origin: str
) -> dict[str, Any]:
    """Put a body into its envelope; the envelope's fields come first.

    Parameters
    ----------
    kind : str
        hit, exposure, calibration, lost or clock.
    body : Mapping
        The message's own fields.
    rig, epoch, seq
        The key of the message.
    floor : int
        Lowest seq the rig still owes.
    origin : str
        camera, recording, simulation or injection.

    Returns
    -------
    dict
        The whole message, ready for `encode`.
    """
    return {
        "schema": SCHEMAS[kind],
        "rig": rig,
        "epoch": epoch,
        "seq": seq,
        "id": message_id(rig, epoch, seq),
        "floor": floor,
        "origin": origin,
        **body,
    }


class Envelope(Strict):
    """Fields shared by all messages that go through the outbox."""

    schema_: str = Field(alias="schema", description="Name and version of this message's schema.")
    rig: Rig = Field(description="One camera and its computer.")
    epoch: Epoch = Field(description="The rig's outbox; seq counts from 1 in each epoch.")
    seq: Sequence = Field(description="Position in the epoch, from 1, without gaps.")
    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] = Field(
        description="First 32 hex digits of SHA-256 over 'rig/epoch/seq'."
    )
    floor: Sequence = Field(
        description="Lowest seq the rig still owed when it first published this message; "
        "everything below is acknowledged or declared lost."
    )
    origin: Origin = Field(
        description="Where the frames came from; what is simulated or injected is no real hit."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.id != message_id(self.rig, self.epoch, self.seq):
            raise ValueError("id is not the hash of rig, epoch and seq")
        if self.floor > self.seq:
            raise ValueError(f"floor {self.floor} is above seq {self.seq}")
        return self

    @property
    def kind(self) -> str:
        """Last part of its topic: hit, exposure, calibration, lost or clock."""
        return self.schema_.split("/")[1]

    @property
    def key(self) -> tuple[str, str, int]:
        """Key of the message: rig, epoch and seq."""
        return (self.rig, self.epoch, self.seq)
