"""The order in which owed messages go where room is short: a number for each, the lowest first.

First the pictures of hits, then whole hits, then calibrations and clocks, and last of all exposure
records: without them no rate can be told. Among hits the lowest score goes first, in steps of a
tenth, and of equal ones the oldest. Declarations of loss stay: the server's watermark waits for
them.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Any

TOP_WORTH = 10
WHOLE = 20
"""Added to the rank of a hit whose picture is gone, or can't go any more."""
FIRST_OTHER = 40
LOST = 60
_OTHERS = {"calibration": FIRST_OTHER, "clock": 41, "exposure": 50, "lost": LOST}
_KINDS = {rank: kind for kind, rank in _OTHERS.items()}
_UNKNOWN_WORTH = 5


def rank_of(kind: str, message: Mapping[str, Any]) -> int:
    """Rank of a message that was never published.

    A hit's is its worth: the tenths of the probability that it is a particle. Where no model has
    looked it is 5, and 0 for what the rules call an artefact; what the rig itself injected has 0.
    """
    if kind != "hit":
        return _OTHERS[kind]
    return _worth(message) + (0 if has_picture(message) else WHOLE)


def kind_of(rank: int) -> str:
    """Kind of the messages of a rank."""
    return _KINDS.get(rank, "hit")


def owed_by_kind(db: sqlite3.Connection) -> dict[str, int]:
    """How many messages of each kind are owed, counted in the index alone."""
    owed: Counter[str] = Counter()
    for rank, count in db.execute("SELECT rank, count(*) FROM outbox GROUP BY rank"):
        owed[kind_of(rank)] += count
    return dict(owed)


def has_picture(hit: Mapping[str, Any]) -> bool:
    """Whether a hit still has its picture."""
    crop = hit.get("crop")
    return isinstance(crop, Mapping) and crop.get("data") is not None


def _worth(hit: Mapping[str, Any]) -> int:
    if hit.get("origin") == "injection":
        return 0
    scores = hit.get("scores")
    artefact = scores.get("artefact") if isinstance(scores, Mapping) else None
    if isinstance(artefact, int | float) and math.isfinite(artefact):
        return round(TOP_WORTH * (1.0 - min(max(float(artefact), 0.0), 1.0)))
    return 0 if hit.get("class") == "artefact" else _UNKNOWN_WORTH
