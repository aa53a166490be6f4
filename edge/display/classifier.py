"""What gave hits their class, in a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def classifier_line(standing: Mapping[str, Any]) -> str:
    """Write `edge.classification.classes.Standing` for a person."""
    line = str(standing["model_id"])
    if standing.get("runtime"):
        line += f" on {standing['runtime']}"
    if failures := standing.get("failures"):
        line += f", failed at {failures} {'batch' if failures == 1 else 'batches'}"
    if standing.get("fell_back"):
        line += f" ({standing['fell_back']})"
    return line
