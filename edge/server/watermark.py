"""How far a rig may let go: the one rule behind every acknowledgement to it."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import merge


def advance(
    upto: int,
    floor: int,
    kept: Iterable[int],
    lost: Iterable[tuple[int, int]],
) -> int:
    """Return the greatest N for which nothing from `floor` to N is missing.

    Parameters
    ----------
    upto : int
        The watermark so far; it only rises.
    floor : int
        Highest floor seen: below it the rig owes nothing any more.
    kept : iterable of int
        Sequence numbers stored or quarantined, ascending; read no further than the first gap,
        so a cursor over a large table costs what it advances.
    lost : iterable of (int, int)
        Ranges declared lost, first and last included, ascending by their first; may overlap.

    Returns
    -------
    int
        The new watermark, at least `upto` and at least `floor` - 1.
    """
    reached = max(upto, floor - 1)
    for first, last in merge(((seq, seq) for seq in kept), lost):
        if first > reached + 1:
            break
        reached = max(reached, last)
    return reached
