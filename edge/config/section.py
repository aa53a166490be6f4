"""What the tables of the configuration have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

ALLOWED = "x-allowed"
"""Key of a JSON Schema: what a value may be, in words, where a pattern says it badly."""


class Section(BaseModel):
    """A table of the file: unknown keys are refused, values are not converted or changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _names_a_place(cls, value: Any) -> Any:
        # No system has such a file, and some of its calls end there without a word.
        if isinstance(value, Path) and "\0" in str(value):
            raise ValueError("a path can't hold a NUL")
        return value
