"""All benchmarks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import (
    against_hits,
    against_pixels,
    calibration_rate,
    outbox_rate,
    pixel_pass,
    replay_rate,
)
from benchmarks.result import Result
from benchmarks.scale import Scale

Part = tuple[str, Callable[[], Iterator[Result]]]


def parts(scale: Scale, folder: Path) -> list[Part]:
    """What is measured, each part with a name for the progress bar.

    Parameters
    ----------
    folder : Path
        An empty folder on the disk to be measured; recordings and outboxes are made in it.
    """
    return [
        ("pixel pass", lambda: pixel_pass.run(scale)),
        ("cost against pixels", lambda: against_pixels.run(scale)),
        ("cost against hits", lambda: against_hits.run(scale)),
        ("calibration", lambda: calibration_rate.run(scale)),
        ("replay", lambda: replay_rate.run(scale, folder)),
        ("outbox", lambda: outbox_rate.run(scale, folder)),
    ]
