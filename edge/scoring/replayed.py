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
_RECORD_S = 1.0


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

    Exposure records are made for each second, so that a particle in a second that the rig could
    not use (no cover, still calibrating) is told from one that it missed; injection is on.

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
    if not (folder / TRUTH_NAME).is_file():
        raise BadUse(
            f"{folder}: no {TRUTH_NAME} in it; name a simulated recording, or HITS and TRUTH"
        )
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
        ).run()
        if result.interrupted:
            raise Failed(f"{folder}: stopped before its end; there is no score of a part")
        score = score_files(hits, folder / TRUTH_NAME, min_sigma=min_sigma)
    score.details["notes"].extend(result.notes)
    return score, result.summary


def testing(config: Config) -> Config:
    """Configuration of a test: exposure records each second, and injection on."""
    values = config.model_dump()
    values["exposure"]["period_s"] = _RECORD_S
    injection = values.get("injection")
    if isinstance(injection, dict) and injection.get("share") == 0:
        injection["share"] = INJECTION_SHARE
    return Config.model_validate(values)
