"""What `bench` measures from outside, each in a process of its own: ``python -m edge.bench.child``.

``source URL SECONDS`` takes a source's frames and touches each page once; ``memory FIELD WIDTH
HEIGHT BITS CALIBRATION FRAMES`` replays frames cut from a mapped field of noise. Both print a JSON
object.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.bench.processes import memory_mb
from edge.frame import BadFrame, Frame, Origin, Pixels, SensorMode, Series

_PAGE_BYTES = 4096
_LOOK_EVERY_S = 0.005


def main(arguments: Sequence[str]) -> int:
    """Do one of both."""
    if arguments[0] == "source":
        found = iterate(arguments[1], float(arguments[2]))
    else:
        field, width, height, bits, calibration, frames = arguments[1:]
        found = scan_and_track(
            Path(field), (int(width), int(height)), int(bits), Path(calibration), int(frames)
        )
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def iterate(url: str, seconds: float) -> dict[str, Any]:
    """Take a source's frames for a while: what the source alone costs."""
    from edge.sources import open_source

    source = open_source(url)
    frames, seen, end = 0, 0, 0.0
    begun = before = 0.0
    for item in source.frames():
        if not end:  # from the first frame on: the start is not counted
            begun, before = time.perf_counter(), time.process_time()
            end = begun + seconds
        if isinstance(item, Frame):
            seen += int(item.pixels.reshape(-1)[:: _PAGE_BYTES // item.pixels.itemsize].max())
            if item.release is not None:
                item.release()
        frames += 1
        if time.perf_counter() >= end:
            break
    source.close()
    share = (time.process_time() - before) / (time.perf_counter() - begun)
    return {"cpu_share": share, "frames": frames}


@dataclass(frozen=True, slots=True, eq=False)
class FieldSeries:
    """Frames cut from a field of noise, each a row further down; implements `Series`."""

    field: Pixels
    mode: SensorMode
    count: int
    name: str = ""

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame | BadFrame]:
        """Yield frames."""
        height = self.mode.height_px
        rows = self.field.shape[0] - height + 1
        exposure_ns = self.mode.exposure_ns or 0
        for index in range(self.count)[start:stop]:
            row = index % rows
            pixels = self.field[row : row + height]
            yield Frame(
                pixels,
                sequence=index,
                index=index,
                mode=self.mode,
                sensor_time_ns=index * exposure_ns,
                exposure_ns=exposure_ns,
                origin="simulation",
            )


@dataclass(frozen=True, slots=True, eq=False)
class FieldRecording:
    """A recording of one such series; implements `edge.frame.Recording`."""

    one: FieldSeries
    path: str = "bench"
    digest: str = ""
    origin: Origin = "simulation"
    warnings: tuple[str, ...] = ()

    def series(self) -> list[Series]:
        """Its one series."""
        return [self.one]


class _Peak:
    """Largest anonymous memory of this process, looked at again and again."""

    def __init__(self) -> None:
        self.rss_anon_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            self.rss_anon_mb = max(self.rss_anon_mb, memory_mb("self", "RssAnon"))


def scan_and_track(
    field: Path, size: tuple[int, int], bits: int, calibration: Path, frames: int
) -> dict[str, Any]:
    """Replay frames of a size with all stages on; the most memory it took."""
    from calibration.store import load
    from edge.bench.made import mode_of
    from edge.config.model import Config
    from edge.replay import Replay

    noise: Pixels = np.asarray(np.load(field, mmap_mode="r"))
    series = FieldSeries(noise, mode_of(*size, bits), frames)
    replay = Replay(FieldRecording(series), Config(), calibration=load(calibration))
    with _Peak() as peak:
        summary = replay.run().summary
    return {
        "processed": summary["processed"],
        "peak_rss_anon_mb": peak.rss_anon_mb,
        "peak_rss_mb": memory_mb("self", "VmHWM"),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
