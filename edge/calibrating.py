"""A calibration from a recording or a camera, without looking for hits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

from calibration.model import Calibration, CalibrationError
from edge.config.model import Config
from edge.detector import Learner
from edge.errors import BadUse, Failed
from edge.frame import BadFrame, Frame
from edge.presets.calibrated import CalibrationLearner
from edge.sources import open_recording, open_source

_WORDS = {
    "light": "too light",
    "unlike": "unlike the others",
    "all_equal": "of one value only",
}


class Teaching:
    """Frames shown to a learner, and why some were of no use to it."""

    def __init__(self) -> None:
        self._refused: Counter[str] = Counter()
        self._first_detail = ""

    @property
    def refused(self) -> int:
        """Frames that were not used: light, unlike the others, or bad."""
        return self._refused.total()

    def note_bad(self, item: BadFrame) -> None:
        """Count a frame that could not be read."""
        self._refused[item.reason] += 1
        self._first_detail = self._first_detail or item.detail

    def show(self, learner: Learner, frame: Frame) -> None:
        """Let the learner judge a frame, and give its buffer back."""
        try:
            verdict = learner.add(frame)
        finally:
            if frame.release is not None:
                frame.release()
        if verdict != "used":
            self._refused[learner.reason if verdict == "unlike" else verdict] += 1

    def explain(self, why: str) -> str:
        """Add to `why` there is no calibration what became of the frames that were not used."""
        if not self._refused:
            return why
        parts = [
            f"{count} {_WORDS.get(reason, reason.replace('_', ' '))}"
            for reason, count in sorted(self._refused.items())
        ]
        detail = f" ({self._first_detail})" if self._first_detail else ""
        return f"{why}; of no use were {', '.join(parts)}{detail}"


def calibrate(
    source: str, config: Config, progress: Callable[[int], None]
) -> tuple[Calibration, int]:
    """Make a calibration of the first covered frames.

    Parameters
    ----------
    source : str
        A path, or a URL of a camera. A recording must hold one series.
    progress : callable
        Told the number of frames used.

    Returns
    -------
    Calibration
    int
        Frames that were refused: light, unlike the others, or bad.

    Raises
    ------
    Failed
        Too few covered frames.
    BadUse
        A recording of several series: which one is meant?
    """
    learner: CalibrationLearner | None = None
    teaching = Teaching()
    with closing(_frames(source)) as frames:
        for item in frames:
            if isinstance(item, BadFrame):
                teaching.note_bad(item)
                continue
            learner = learner or CalibrationLearner(item.mode, config)
            teaching.show(learner, item)
            progress(learner.frames_used)
            if learner.frames_used >= learner.wanted:
                break
    if learner is None:
        raise Failed(teaching.explain(f"{source}: no usable frame to calibrate on"))
    try:
        return learner.calibration(), teaching.refused
    except CalibrationError as error:
        raise Failed(teaching.explain(f"{source}: {error}")) from None


def _frames(source: str) -> Generator[Frame | BadFrame, None, None]:
    if Path(source).exists():
        series = open_recording(source).series()
        if len(series) > 1:
            names = ", ".join(repr(one.name) for one in series)
            raise BadUse(
                f"{source}: holds {len(series)} series ({names}); a calibration is of one: "
                "put its frames into a folder of their own"
            )
        yield from series[0].frames()
        return
    with closing(open_source(source)) as live:
        yield from live.frames()
