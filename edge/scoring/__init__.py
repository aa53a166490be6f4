"""What a rig found, against what really was there."""

from __future__ import annotations

from edge.scoring.replayed import score_recording
from edge.scoring.score import Score, score_files

__all__ = ["Score", "score_files", "score_recording"]
