"""Simulated hits to train with: frames are made, replayed and let go; hits and truth stay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.config.load import load_config
from edge.errors import Failed
from edge.frame import BadFrame, Frame, Origin, SensorMode, Series
from edge.outfile import write_whole
from edge.recording.layout import TRUTH_NAME
from edge.replay import Replay
from edge.sources.simulated import SimulatedSource
from training.scenes import Scene

HITS_NAME = "hits.jsonl"
Advance = Callable[[float], None]
"""Told the share of a scene that was done since."""

_MAKING = 0.5
"""Share of the time that a scene's frames take; the rest is their replay."""


def simulate_scene(scene: Scene, folder: Path, advance: Advance = lambda share: None) -> int:
    """Simulate and replay one scene; leave `hits.jsonl` and `truth.jsonl` in a new folder.

    The frames never touch the disk. The replay is that of `cosmic-edge replay` with the default
    configuration, but for the rig's name.

    Returns
    -------
    int
        Number of frames.

    Raises
    ------
    Failed
        It can't be replayed, or written.
    """
    truth, count = _particles(scene)
    source = SimulatedSource(scene.spec, paced=False, frames=count, start_ns=0)
    frames: list[Frame | BadFrame] = []
    for frame in source.frames():
        frames.append(frame)
        advance(_MAKING / count)
    recording = MadeRecording(scene.name, f"{source.name}&frames={count}", frames, source.mode)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise Failed(f"{folder}: can't be made ({error.strerror or error})") from None
    replay = Replay(
        recording,
        load_config(None, {"rig.name": scene.name}),
        out=folder / HITS_NAME,
        progress=lambda done, total: advance((1 - _MAKING) / total),
        keep_refused=False,
    )
    replay.run()
    write_whole(folder / TRUTH_NAME, truth)
    return count


def _particles(scene: Scene) -> tuple[bytes, int]:
    """Truth of a scene, as a recording has it, and the number of its frames."""
    source = SimulatedSource(scene.spec, paced=False)
    lines: list[Mapping[str, Any]] = []
    index = 0
    while index < scene.least_frames or (
        len(lines) < scene.particles and index < scene.most_frames
    ):
        place = {"series": "", "frame": index, "sequence": index, "status": "ok"}
        lines += [place | one for one in source.truth(index)]
        index += 1
    return "".join(json.dumps(line) + "\n" for line in lines).encode(), index


class MadeRecording:
    """Frames in memory as a recording; implements `edge.frame.Recording`.

    Parameters
    ----------
    name : str
        For messages.
    origin_text : str
        What the frames follow from: equal texts, equal frames.
    frames : list of Frame or BadFrame
    mode : SensorMode
    """

    def __init__(
        self, name: str, origin_text: str, frames: list[Frame | BadFrame], mode: SensorMode
    ) -> None:
        self._name = name
        self._digest = hashlib.sha256(origin_text.encode()).hexdigest()
        self._series = _MadeSeries(frames, mode)

    @property
    def path(self) -> str:
        """Name of the scene."""
        return self._name

    @property
    def digest(self) -> str:
        """Hex SHA-256 over what was simulated."""
        return self._digest

    @property
    def origin(self) -> Origin:
        """Always simulation."""
        return "simulation"

    @property
    def warnings(self) -> tuple[str, ...]:
        """None: nothing was read."""
        return ()

    def series(self) -> list[Series]:
        """Its one series."""
        return [self._series]


@dataclass(frozen=True, slots=True, eq=False)
class _MadeSeries:
    made: list[Frame | BadFrame]
    mode: SensorMode
    name: str = ""

    @property
    def count(self) -> int:
        return len(self.made)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame | BadFrame]:
        yield from self.made[start:stop]
