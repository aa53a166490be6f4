"""What the tables of the configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

ALLOWED = "x-allowed"
"""Key of a JSON Schema: what a value may be, in words, where a pattern says it badly."""


class Section(BaseModel):
    """A table of the file: unknown keys are refused, values are not converted or changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
