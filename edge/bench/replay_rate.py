"""A whole replay, from the folder to the hits file, beside reading the recording alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from calibration.model import Calibration
from edge.bench.result import Result
from edge.bench.scale import Scale, Size
from edge.bench.timing import race
from edge.calibrating import calibrate
from edge.config.model import Config
from edge.frame import Frame
from edge.replay import Replay
from edge.sources import open_recording
from edge.sources.simulated import write_simulation
from simulator import SimulationSpec

_HITS_PER_MIN = 600.0
_WORKERS = (1, 2)
_READ = "reading + np.max"


def name_of(size: Size) -> str:
    """Key in the JSON object."""
    return f"replay_{size[0]}x{size[1]}"


def run(size: Size, frames: int, scale: Scale, folder: Path) -> Iterator[Result]:
    """Replay a simulated recording with 1 and 2 workers, with a calibration made before."""
    place = folder / name_of(size)
    _simulate(place, size, frames)
    calibration = _calibration(place, min(scale.calibration_frames, frames))
    yield _replay(place, size, frames, calibration, scale.replay_rounds)


def _simulate(place: Path, size: Size, frames: int) -> None:
    width, height = size
    spec = SimulationSpec(width_px=width, height_px=height, hits_per_min=_HITS_PER_MIN)
    write_simulation(spec, place, frames)


def _calibration(place: Path, frames: int) -> Calibration:
    config = Config()
    learn = config.calibration.model_copy(update={"frames": frames})
    return calibrate(str(place), config.model_copy(update={"calibration": learn}), _ignore)[0]


def _ignore(done: int) -> None:
    """No progress: the whole benchmark has its own."""


def _replay(place: Path, size: Size, frames: int, calibration: Calibration, rounds: int) -> Result:
    summaries: dict[int, dict[str, Any]] = {}

    def replay(workers: int) -> Callable[[], object]:
        out = place.with_suffix(f".{workers}.jsonl")

        def once() -> None:
            one = Replay(
                open_recording(place), Config(), calibration=calibration, out=out, workers=workers
            )
            summaries[workers] = one.run().summary

        return once

    calls = {_name(workers): replay(workers) for workers in _WORKERS}
    times = race({**calls, _READ: lambda: _read(place)}, rounds, repeats=1)
    written = {place.with_suffix(f".{workers}.jsonl").read_bytes() for workers in _WORKERS}
    if len(written) != 1:
        raise AssertionError("the number of workers changed the hits file")
    rates = {name: frames * 1e3 / times[name].median_ms for name in calls}
    found, (width, height) = summaries[1], size
    return Result(
        name_of(size),
        f"replay of {frames} frames of {width} × {height}, to the hits file",
        _name(_WORKERS[0]),
        times,
        figures={
            "frames": frames,
            "frames_per_s": {name: round(rate, 1) for name, rate in rates.items()},
            "hits": found["hits"],
        },
        notes=(
            ", ".join(f"{rate:.0f} frames/s with {name}" for name, rate in rates.items())
            + f"; {found['hits']} hits, the same bytes",
        ),
    )


def _read(place: Path) -> int:
    brightest = 0
    for series in open_recording(place).series():
        for item in series.frames():
            if isinstance(item, Frame):
                brightest = max(brightest, int(item.pixels.max()))
    return brightest


def _name(workers: int) -> str:
    return f"{workers} worker" + "s" * (workers > 1)
