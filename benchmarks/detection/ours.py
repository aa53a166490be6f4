"""The product itself, as a user runs it: `replay` of the recording with its defaults."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection.rule import NO_BOXES, Boxes, Look, pixel_boxes
from benchmarks.detection.tally import Score, Tally, Truth, score
from edge.config.load import load_config
from edge.frame import Recording
from edge.replay import Replay

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What a replay published.

    Attributes
    ----------
    boxes : dict
        Brightest pixels of the hits, by frame.
    summary : dict
        The replay's own.
    """

    boxes: dict[int, Boxes]
    summary: dict[str, Any]

    @property
    def hits(self) -> int:
        """Number of hits."""
        return sum(len(boxes) for boxes in self.boxes.values())


def replay(recording: Recording, folder: Path, progress: Progress | None = None) -> Replayed:
    """Replay a recording of one series, with the defaults and its own calibration."""
    out = folder / "hits.jsonl"
    result = Replay(recording, load_config(), out=out, progress=progress).run()
    places: dict[int, list[tuple[int, int]]] = {}
    with out.open(encoding="utf-8") as lines:
        for line in lines:
            hit = json.loads(line)
            places.setdefault(int(hit["frame"]), []).append((hit["y_px"], hit["x_px"]))
    boxes = {
        frame: pixel_boxes(np.array(some)[:, 0], np.array(some)[:, 1])
        for frame, some in places.items()
    }
    return Replayed(boxes, result.summary)


def score_replayed(
    replayed: Replayed, truth: Truth, frames: int, frame_s: float, exposure_s: float
) -> Score:
    """Score it: every frame under a closed cover counts as looked at, whatever it made of it.

    That is stricter than for the peers, whose own blind frames are left out of their efficiency;
    the live time is what the replay itself claims, of all exposures.
    """
    tally = Tally(truth)
    for frame in range(frames):
        tally.add(frame, Look(replayed.boxes.get(frame, NO_BOXES)))
    rejected = ", ".join(f"{n} {why}" for why, n in sorted(replayed.summary["rejected"].items()))
    return score(
        tally,
        frame_s,
        live_share=replayed.summary["live_time_s"] / (frames * exposure_s),
        notes=(f"rejected: {rejected or 'none'}",),
    )
