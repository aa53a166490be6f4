"""Vetoes that look at one frame alone: its edge, its rows and columns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edge.detection import Candidate

_THIN_LINE_PX = 10
"""A cluster one pixel wide and at least this long along a row or column is read-out noise.

A particle track of that length leaves the row it started in unless it is aligned to better than
6 degrees, and charge diffusion lights the next row even then.
"""

_LEAST_ALIGNED = 4
_CHANCE = 1e-4


@dataclass(frozen=True, slots=True)
class FrameVeto:
    """Names the candidates of a frame that its read-out made.

    Attributes
    ----------
    row_column : bool
        Veto lines along a row or column, and rows or columns with many candidates.
    edge_px : int
        Veto candidates whose brightest pixel is this close to the border (0: none).
    """

    row_column: bool = True
    edge_px: int = 0

    def reasons(
        self, candidates: Sequence[Candidate], height_px: int, width_px: int
    ) -> list[str | None]:
        """Reason to reject each candidate, or None."""
        rows = Counter(candidate.y_px for candidate in candidates)
        cols = Counter(candidate.x_px for candidate in candidates)
        row_limit = aligned_limit(len(candidates), height_px)
        col_limit = aligned_limit(len(candidates), width_px)

        def reason(candidate: Candidate) -> str | None:
            if self._at_edge(candidate, height_px, width_px):
                return "edge"
            if not self.row_column:
                return None
            crowded = rows[candidate.y_px] >= row_limit or cols[candidate.x_px] >= col_limit
            return "row_column" if crowded or is_thin_line(candidate) else None

        return [reason(candidate) for candidate in candidates]

    def _at_edge(self, candidate: Candidate, height_px: int, width_px: int) -> bool:
        y, x, edge = candidate.y_px, candidate.x_px, self.edge_px
        return min(y, x, height_px - 1 - y, width_px - 1 - x) < edge


def is_thin_line(candidate: Candidate) -> bool:
    """Whether a cluster is one pixel wide and long, exactly along a row or a column."""
    tall = int(candidate.rows.max() - candidate.rows.min()) + 1
    wide = int(candidate.cols.max() - candidate.cols.min()) + 1
    return min(tall, wide) == 1 and max(tall, wide) >= _THIN_LINE_PX


def aligned_limit(candidates: int, lines: int) -> int:
    """Number of candidates in one of `lines` rows that chance makes in fewer than 1e-4 frames.

    Poisson: lines x P(at least k | candidates / lines).
    """
    mean = candidates / lines
    limit = _LEAST_ALIGNED
    while limit <= candidates and lines * _poisson_tail(limit, mean) > _CHANCE:
        limit += 1
    return limit


def _poisson_tail(least: int, mean: float) -> float:
    term = math.exp(-mean + least * math.log(mean) - math.lgamma(least + 1)) if mean > 0 else 0.0
    total = 0.0
    k = least
    while term > 1e-18:
        total += term
        k += 1
        term *= mean / k
    return total
