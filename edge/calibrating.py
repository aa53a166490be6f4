"""A calibration from a recording or a camera, without looking for hits."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

from calibration.model import Calibration, CalibrationError
from edge.config.model import Config
from edge.errors import BadUse, Failed
from edge.frame import BadFrame, Frame
from edge.presets.calibrated import CalibrationLearner
from edge.sources import open_recording, open_source


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
    refused = 0
    with closing(_frames(source)) as frames:
        for item in frames:
            if isinstance(item, BadFrame):
                refused += 1
                continue
            learner = learner or CalibrationLearner(item.mode, config)
            verdict = learner.add(item)
            if item.release is not None:
                item.release()
            refused += verdict != "used"
            progress(learner.frames_used)
            if learner.frames_used >= learner.wanted:
                break
    if learner is None:
        raise Failed(f"{source}: no usable frame to calibrate on")
    try:
        return learner.calibration(), refused
    except CalibrationError as error:
        raise Failed(f"{source}: {error}") from None


def _frames(source: str) -> Generator[Frame | BadFrame]:
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
