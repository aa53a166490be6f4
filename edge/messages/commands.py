"""What a server may ask of a rig, and the answer: a short list, each with its bounds."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from edge.messages.fields import Identifier, Rig, Strict, UtcNs
from edge.messages.service import Session

MAX_COMMAND_BYTES = 4096
LEAST_SEED_SIGMA, MOST_SEED_SIGMA = 4.5, 50.0
"""Below, noise alone would fill the outbox; above, hardly a particle is seen."""

CommandId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{8,64}$")]
CommandName: TypeAlias = Literal["recalibrate", "threshold", "snapshot", "restart", "report"]


class Command(Strict):
    """A request to one rig; asked twice with one id, it is done once."""

    schema_: Literal["cosmic-edge/command/1"] = Field(alias="schema", description="Name, version.")
    id: CommandId = Field(description="Chosen by who asks; the reply names it.")
    name: CommandName = Field(
        description="recalibrate: measure the dark anew. threshold: set seed_sigma until the next "
        "start, which measures the dark anew too. snapshot: one frame, small. restart: end in "
        "order and be started again. report: counts and states now."
    )
    seed_sigma: float | None = Field(
        default=None,
        ge=LEAST_SEED_SIGMA,
        le=MOST_SEED_SIGMA,
        description="Of threshold alone: sigma above its baseline at which a pixel is a candidate.",
    )
    expires_utc: UtcNs | None = Field(
        default=None, description="Refused after this, by the rig's clock; null: never."
    )

    @model_validator(mode="after")
    def _value_where_it_belongs(self) -> Self:
        if (self.name == "threshold") != (self.seed_sigma is not None):
            raise ValueError("seed_sigma goes with threshold, and threshold with seed_sigma")
        return self


class Reply(Strict):
    """What became of a command."""

    schema_: Literal["cosmic-edge/reply/1"] = Field(
        default="cosmic-edge/reply/1", alias="schema", description="Name and version."
    )
    rig: Rig = Field(description="Who answers.")
    session: Session = Field(description="Session of the status it belongs to.")
    id: CommandId = Field(description="The command's.")
    name: CommandName = Field(description="The command's.")
    state: Literal["done", "refused", "failed"] = Field(
        description="refused: not tried. failed: tried in vain."
    )
    detail: Annotated[str, StringConstraints(max_length=256)] = Field(
        default="", description="In words: what was done, or why not."
    )
    time_utc: UtcNs = Field(description="When it was answered, by the rig's clock.")
    data: Annotated[dict[Identifier, Any], Field(max_length=64)] = Field(
        default_factory=dict, description="What was asked for: of snapshot and report."
    )
