"""The simulated camera: `sim:?preset=pi-v2&width=640&height=480&seed=1`."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from edge.errors import BadUse
from edge.frame import BadFrame, Frame, FrameSource, Origin, SensorMode
from edge.recording.record import Progress, record
from edge.sources.options import parse_options
from simulator import SimulatedFrame, Simulation, SimulationSpec
from simulator.packing import pack
from simulator.presets import PRESETS, preset
from simulator.sensor import Counts
from simulator.simulation import lost_in
from simulator.temperature import temperature_at

_WHERE = "sim:"
_SHORT = {"width": "width_px", "height": "height_px"}
# A camera's driver holds this many finished frames for a late reader before it loses one.
_HELD_FRAMES = 4


@dataclass(frozen=True, slots=True)
class SimulatedOptions(SimulationSpec):
    """Options of a `sim:` URL: the simulation's, and how it is played.

    Attributes
    ----------
    paced : bool
        True: in real time, and frames are lost when the reader is late, like a camera's. False:
        as fast as the reader takes them.
    frames : int or None
        Stop after so many, lost ones counted; None: never.
    """

    paced: bool = True
    frames: int | None = None

    def __post_init__(self) -> None:
        SimulationSpec.__post_init__(self)
        if self.frames is not None and self.frames < 1:
            raise ValueError(f"frames must be 1 or more, not {self.frames}")

    @property
    def spec(self) -> SimulationSpec:
        """The simulation's alone."""
        return SimulationSpec(**_values(self))


def open_simulated(options: Mapping[str, str]) -> SimulatedSource:
    """Open a simulated camera from the options of its URL, as `parse_simulated` reads them."""
    parsed = parse_simulated(options)
    return SimulatedSource(parsed.spec, paced=parsed.paced, frames=parsed.frames)


def parse_simulated(options: Mapping[str, str]) -> SimulatedOptions:
    """Read the options of a `sim:` URL, without making the sensor.

    Option names are the fields of `simulator.SimulationSpec` (``width`` and ``height`` are short
    for ``width_px`` and ``height_px``), and those of `SimulatedOptions`; ``preset`` names a camera
    of `simulator.presets`, which the others change.

    Raises
    ------
    BadUse
        An unknown option or preset (with the nearest right one), or a value outside its range.
    """
    full = {_SHORT.get(key, key): value for key, value in options.items()}
    if len(full) < len(options):
        raise BadUse(f"{_WHERE} give width or width_px (height or height_px), not both")
    try:
        camera = preset(full.pop("preset")) if "preset" in full else SimulationSpec()
    except ValueError as error:
        raise BadUse(f"{_WHERE} {error}") from None
    return parse_options(full, SimulatedOptions, _WHERE, _values(camera))


class SimulatedSource:
    """Plays a simulation as a camera; implements `edge.frame.FrameSource`.

    Parameters
    ----------
    spec : SimulationSpec
        What is simulated.
    paced : bool
        True: in real time on CLOCK_BOOTTIME.
    frames : int, optional
        Stop after so many, lost ones counted.
    start_ns : int, optional
        Sensor time of the first frame; None: CLOCK_BOOTTIME when it is asked for. Unpaced, the
        frames keep their distance in time from there, however fast they are read.
    """

    def __init__(
        self,
        spec: SimulationSpec,
        *,
        paced: bool = True,
        frames: int | None = None,
        start_ns: int | None = None,
    ) -> None:
        self.simulation = Simulation(spec)
        self._paced = paced
        self._frames = frames
        self._start_ns = start_ns
        self._closed = threading.Event()
        self._mode = mode_of(spec)

    @property
    def name(self) -> str:
        """URL with what differs from the preset, or the defaults, that it is nearest to."""
        spec = self.simulation.spec
        bases = {"": SimulationSpec(), **PRESETS}
        nearest, changed = "", _changes(spec, bases[""])
        for name, base in bases.items():
            changes = _changes(spec, base)
            # What a URL can't say is "nothing", where the preset has something.
            sayable = all(value not in (None, "") for value in changes.values())
            if sayable and len(changes) < len(changed):
                nearest, changed = name, changes
        parts = [f"preset={nearest}"] if nearest else []
        for key, value in changed.items():
            text = str(int(value)) if isinstance(value, bool) else str(value)
            parts.append(f"{key}={quote(text, safe='')}")
        return f"{_WHERE}?{'&'.join(parts)}" if parts else _WHERE

    @property
    def origin(self) -> Origin:
        """Always simulation."""
        return "simulation"

    @property
    def pushes_back(self) -> bool:
        """Whether it waits for the reader."""
        return not self._paced

    @property
    def mode(self) -> SensorMode:
        """Sensor mode of all its frames."""
        return self._mode

    def truth(self, sequence: int) -> list[dict[str, Any]]:
        """Particles of frame `sequence`, as in `truth.jsonl`.

        One has a `status` where the frame arrives without it: "repeated" or "torn".
        """
        faults = self.simulation.faults(sequence)
        told = []
        for truth in self.simulation.truth(sequence):
            lost = lost_in(truth, faults)
            told.append(truth.to_dict() | ({} if lost is None else {"status": lost}))
        return told

    def artefacts(self, sequence: int) -> list[dict[str, Any]]:
        """Artefacts and faults of frame `sequence`, as in `artefacts.jsonl`."""
        return self.simulation.artefacts(sequence)

    def frames(self) -> Iterator[Frame | BadFrame]:
        """Yield frames until `frames` or `close`."""
        start_ns = boottime_ns() if self._start_ns is None else self._start_ns
        sequence = 0
        while self._frames is None or sequence < self._frames:
            if self._paced:
                sequence = self._wait(sequence, start_ns)
            if self._closed.is_set() or sequence == self._frames:
                return
            if not self.simulation.faults(sequence).dropped:
                yield self._frame(self.simulation.frame(sequence, with_truth=False), start_ns)
            sequence += 1

    def close(self) -> None:
        """Stop; from any thread, as often as wanted."""
        self._closed.set()

    def _wait(self, sequence: int, start_ns: int) -> int:
        """Wait until a frame is read out; return its number, a later one for a late reader."""
        mode = self._mode
        duration_ns = mode.frame_duration_ns or 1
        readout_ns = (mode.exposure_ns or 0) + mode.height_px * mode.row_time_ns
        now_ns = boottime_ns()
        newest = (now_ns - start_ns - readout_ns) // duration_ns
        if newest - sequence >= _HELD_FRAMES:
            last = newest - _HELD_FRAMES + 1
            return last if self._frames is None else min(last, self._frames)
        due_ns = start_ns + sequence * duration_ns + readout_ns
        while (left_ns := due_ns - boottime_ns()) > 0 and not self._closed.is_set():
            self._closed.wait(left_ns * 1e-9)
        return sequence

    def _frame(self, made: SimulatedFrame, start_ns: int) -> Frame | BadFrame:
        mode, spec = self._mode, self.simulation.spec
        rows, columns = made.pixels.shape
        if made.truncated:
            detail = f"{rows} of {mode.height_px} rows arrived"
            return BadFrame(made.index, made.index, "truncated", detail)
        if made.faults.resized:
            mode = dataclasses.replace(mode, width_px=columns, height_px=rows)
        shift_ns = self.simulation.time_shift_ns(made.index)
        return Frame(
            pixels=_packed(made.pixels, spec),
            sequence=made.index,
            index=made.index,
            mode=mode,
            sensor_time_ns=start_ns + made.index * (mode.frame_duration_ns or 0) + shift_ns,
            exposure_ns=mode.exposure_ns or 0,
            temperature_c=temperature_at(spec, made.index),
            origin="simulation",
        )


def mode_of(spec: SimulationSpec) -> SensorMode:
    """Sensor mode of a simulation."""
    developed = spec.route == "phone"
    return SensorMode(
        sensor=spec.sensor,
        width_px=spec.width_px,
        height_px=spec.height_px,
        bit_depth=spec.frame_bit_depth,
        exposure_ns=spec.exposure_ns,
        frame_duration_ns=spec.frame_duration_ns,
        row_time_ns=spec.row_time_ns,
        gain=spec.gain,
        black_level_adu=0.0 if spec.black_clip or developed else spec.black_adu,
        cfa=None if developed else spec.cfa or None,
        packing=spec.packing,
        pixel_pitch_um=spec.pixel_pitch_um,
        conversion="luma" if developed else "",
        sensor_clock=True,
    )


def _values(spec: SimulationSpec) -> dict[str, Any]:
    """Settings of a simulation by their names, without those of how it is played."""
    return {field.name: getattr(spec, field.name) for field in dataclasses.fields(SimulationSpec)}


def _changes(spec: SimulationSpec, base: SimulationSpec) -> dict[str, Any]:
    return {key: value for key, value in _values(spec).items() if value != getattr(base, key)}


def _packed(pixels: Counts, spec: SimulationSpec) -> Counts:
    if spec.packing == "none":
        return pixels
    packed = pack(pixels.astype(np.uint16, copy=False), spec.packing, spec.row_align_bytes)
    packed.flags.writeable = False
    return packed


def write_simulation(
    spec: SimulationSpec,
    out: Path,
    frames: int,
    progress: Progress | None = None,
    *,
    start_utc_ns: int | None = None,
) -> dict[str, Any]:
    """Write a simulated recording with its truth; the same bytes for the same `spec`.

    Parameters
    ----------
    spec : SimulationSpec
        What is simulated.
    out : Path
        A new or an empty folder.
    frames : int
        Frames to simulate; those that are dropped leave a gap in the numbers.
    progress : callable, optional
        Called with the number of frames so far.
    start_utc_ns : int, optional
        Unix time of the first frame; None: times count from the first frame.

    Returns
    -------
    dict
        As `edge.recording.record`.

    Raises
    ------
    BadUse
        `out` is not empty.
    Failed
        The disk fails, or every frame was dropped or bad.
    """
    if frames < 1:
        raise BadUse(f"frames must be 1 or more, not {frames}")
    source: FrameSource = SimulatedSource(spec, paced=False, frames=frames, start_ns=0)
    return record(source, out, progress=progress, start_utc_ns=start_utc_ns)


def boottime_ns() -> int:
    """CLOCK_BOOTTIME in ns: it goes on while the computer sleeps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
