"""A frame as an immutable value, and the seam every source is behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
Origin: TypeAlias = Literal["camera", "recording", "simulation", "injection"]
Packing: TypeAlias = Literal["none", "mipi10", "mipi12", "mipi14"]


@dataclass(frozen=True, slots=True)
class SensorMode:
    """What a calibration is valid for: the sensor and how it is read.

    Attributes
    ----------
    sensor : str
        Name of the sensor or camera ("" where unknown).
    width_px, height_px : int
        Size of the unpacked frame.
    bit_depth : int
        Significant bits of a pixel, 8 to 16.
    exposure_ns : int or None
        Exposure of one row.
    frame_duration_ns : int or None
        Nominal time from one frame to the next.
    row_time_ns : int
        Time from one row's start to the next (0: global shutter or unknown).
    gain : float or None
        Analogue gain (1.0 is unity).
    black_level_adu : float or None
        Level of a pixel without light; None: calibration finds it.
    cfa : str or None
        Bayer order such as "RGGB"; None: mono or luma.
    packing : {"none", "mipi10", "mipi12", "mipi14"}
        How the pixels lie in memory.
    set_temperature_c : float or None
        Temperature a cooled sensor is held at.
    pixel_pitch_um : float or None
        For the sensitive area.
    conversion : str
        What was done to colour input ("" or "luma").
    sensor_clock : bool
        A camera streams, and `Frame.sensor_time_ns` is its sensor's own time: a step that is
        longer than the frame duration means lost frames. False where it is a time of arrival, or
        where frames may be taken with pauses.
    """

    sensor: str
    width_px: int
    height_px: int
    bit_depth: int
    exposure_ns: int | None = None
    frame_duration_ns: int | None = None
    row_time_ns: int = 0
    gain: float | None = None
    black_level_adu: float | None = None
    cfa: str | None = None
    packing: Packing = "none"
    set_temperature_c: float | None = None
    pixel_pitch_um: float | None = None
    conversion: str = ""
    sensor_clock: bool = False

    @property
    def full_scale_adu(self) -> int:
        """Largest value a pixel can have."""
        return (1 << self.bit_depth) - 1

    @property
    def area_cm2(self) -> float | None:
        """Sensitive area, where the pixel pitch is known."""
        if self.pixel_pitch_um is None:
            return None
        return self.width_px * self.height_px * (self.pixel_pitch_um * 1e-4) ** 2


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a source. Nothing downstream knows which source it was.

    Attributes
    ----------
    pixels : ndarray, shape (height, width), uint8 or uint16
        Read-only; may be strided, may be a lease on the source's buffer that is valid until
        `release` is called. With `mode.packing` other than "none": the packed bytes,
        shape (height, stride), uint8.
    sequence : int
        The source's own frame counter from 0; a gap is a number of missing frames.
    index : int
        0-based position in its series (equals `sequence` for a live camera).
    series : str
        Name of the series ("" for a live camera).
    mode : SensorMode
        How the sensor was read.
    sensor_time_ns : int or None
        CLOCK_BOOTTIME at the *start of exposure of the first row*; the source converts.
    utc_ns : int or None
        Unix time in ns of the same instant, where the recording states one.
    exposure_ns : int
        Exposure of this frame's rows (0 where unknown).
    temperature_c : float or None
        Of the sensor, at this frame.
    origin : str
        camera, recording, simulation or injection.
    release : callable or None
        Gives the buffer back; call once, after the last read of `pixels`.
    """

    pixels: Pixels
    sequence: int
    index: int
    mode: SensorMode
    series: str = ""
    sensor_time_ns: int | None = None
    utc_ns: int | None = None
    exposure_ns: int = 0
    temperature_c: float | None = None
    origin: Origin = "camera"
    release: Callable[[], None] | None = None


def plausible_temperature_c(celsius: float | None) -> float | None:
    """Return a temperature that can be one; None for NaN and for what stands for "no sensor"."""
    return celsius if celsius is not None and -273.15 <= celsius <= 1000 else None


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame that was received but can't be used; counted as bad and skipped.

    `reason` is a short snake_case key for counters (such as "truncated", "changed_size",
    "not_finite"); `detail` is the line for a person.
    """

    sequence: int
    index: int
    reason: str
    detail: str
    series: str = ""


class FrameSource(Protocol):
    """A live stream of frames (camera, simulator, or a recording played as one).

    `mode` may be None until the first frame. `frames` yields until the source ends or `close` is
    called from any thread; it raises `edge.errors.Failed` when the source can't go on.
    """

    @property
    def name(self) -> str:
        """URL-like name for logs, without secrets."""

    @property
    def origin(self) -> Origin:
        """Where its frames come from."""

    @property
    def pushes_back(self) -> bool:
        """True: it waits for the loop. False: the oldest frame is dropped and counted."""

    def frames(self) -> Iterator[Frame | BadFrame]:
        """Yield frames in order."""

    def close(self) -> None:
        """Stop; idempotent, callable from another thread."""


class Series(Protocol):
    """One series of a recording: frames of one mode, read in order, as often as wanted."""

    @property
    def name(self) -> str:
        """Name of the series ("" only where a recording has just one without a name)."""

    @property
    def mode(self) -> SensorMode:
        """Mode shared by its frames."""

    @property
    def count(self) -> int:
        """Number of frames, bad ones included."""

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame | BadFrame]:
        """Yield frames `start` to `stop` in order, streaming; callable again and again."""


class Recording(Protocol):
    """Something on disk that `replay` reads."""

    @property
    def path(self) -> str:
        """Where it lies."""

    @property
    def digest(self) -> str:
        """Hex SHA-256 over names and contents: same data, same digest, wherever it lies."""

    @property
    def origin(self) -> Origin:
        """recording, or simulation where its metadata says so."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines for a person: what of it can't be read, such as a lost tail."""

    def series(self) -> list[Series]:
        """Series in replay order."""
