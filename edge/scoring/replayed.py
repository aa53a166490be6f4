"""A recording with truth, replayed and scored in one go."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Any

from calibration.model import Calibration
from edge.config.model import Config
from edge.errors import BadUse, Failed
from edge.recording.layout import TRUTH_NAME
from edge.replay import Progress, Replay
from edge.scoring.score import DEFAULT_MIN_SIGMA, Score, score_files
from edge.sources import open_recording

INJECTION_SHARE = 0.05
"""Share of the frames in which the rig tests itself, where the configuration has no own."""
_SHORTEST_S = 1e-9


def score_recording(
    folder: Path,
    config: Config,
    *,
    calibration: Calibration | None = None,
    workers: int = 1,
    min_sigma: float = DEFAULT_MIN_SIGMA,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> tuple[Score, dict[str, Any]]:
    """Replay a recording and score its hits against its own truth.

    Each frame gets an exposure record of its own, so that a particle in a frame that the rig did
    not search (no cover, still calibrating) is told from one that it missed; injection is on.

    Returns
    -------
    score : Score
    summary : dict
        Of the replay.

    Raises
    ------
    BadUse
        There is no truth in the folder.
    Failed
        It can't be replayed, or was stopped before its end.
    """
    check_truth(folder)
    with tempfile.TemporaryDirectory(prefix="cosmic-edge-score-") as scratch:
        hits = Path(scratch) / "hits.jsonl"
        result = Replay(
            open_recording(folder),
            testing(config),
            calibration=calibration,
            out=hits,
            workers=workers,
            progress=progress,
            stop=stop,
            keep_refused=False,
        ).run()
        if result.interrupted:
            raise Failed(f"{folder}: stopped before its end; there is no score of a part")
        score = score_files(hits, folder / TRUTH_NAME, min_sigma=min_sigma)
    score.details["notes"].extend(result.notes)
    return score, result.summary


def check_truth(folder: Path) -> None:
    """Refuse a recording that has no truth, before any work is done for it.

    Raises
    ------
    BadUse
        There is none.
    """
    if not (folder / TRUTH_NAME).is_file():
        raise BadUse(
            f"{folder}: no {TRUTH_NAME} in it; name a simulated recording, or HITS and TRUTH"
        )


def testing(config: Config) -> Config:
    """Configuration of a test: an exposure record for each frame, and injection on.

    So short a period is below what a file may ask for: no server would want such records.
    """
    changes: dict[str, Any] = {
        "exposure": config.exposure.model_copy(update={"period_s": _SHORTEST_S})
    }
    if config.injection.share == 0:
        changes["injection"] = config.injection.model_copy(update={"share": INJECTION_SHARE})
    return config.model_copy(update=changes)
