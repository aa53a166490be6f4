"""Vetoes that look at one frame alone: its edge, its rows and columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edge.detection import Candidate
from edge.stages.poisson import at_least

_LINE_SHARE = 0.5
"""A cluster one pixel wide over so much of a row or column is read-out noise.

A particle's track of that length leaves the row it started in unless it is aligned to a degree or
two, and charge diffusion lights the next row even then.
"""

_LEAST_LINE_PX = 20
_LEAST_ALIGNED = 6
_CROWD_SHARE = 0.5
"""A line crowds when it holds more than this share of the frame's candidates: a shower of
particles, or a calibration pattern, spreads over many rows."""

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
        if not candidates:
            return []
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
            line = is_thin_line(candidate, height_px, width_px)
            return "row_column" if crowded or line else None

        return [reason(candidate) for candidate in candidates]

    def _at_edge(self, candidate: Candidate, height_px: int, width_px: int) -> bool:
        y, x, edge = candidate.y_px, candidate.x_px, self.edge_px
        return min(y, x, height_px - 1 - y, width_px - 1 - x) < edge


def is_thin_line(candidate: Candidate, height_px: int, width_px: int) -> bool:
    """Whether a cluster is one pixel wide along half of a row or column, or more."""
    tall = int(candidate.rows.max() - candidate.rows.min()) + 1
    wide = int(candidate.cols.max() - candidate.cols.min()) + 1
    if tall == 1:
        return wide >= max(_LEAST_LINE_PX, _LINE_SHARE * width_px)
    return wide == 1 and tall >= max(_LEAST_LINE_PX, _LINE_SHARE * height_px)


def aligned_limit(candidates: int, lines: int) -> int:
    """Number of candidates in one of `lines` rows that crowd it.

    More than half of the frame's, at least six, and so many that chance makes them in fewer than
    1e-4 frames (Poisson: lines x P(at least k | candidates / lines)).
    """
    mean = candidates / lines
    limit = max(_LEAST_ALIGNED, int(_CROWD_SHARE * candidates) + 1)
    while limit <= candidates and lines * at_least(limit, mean) > _CHANCE:
        limit += 1
    return limit
