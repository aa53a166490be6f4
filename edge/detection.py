"""What the stages hand on: crops, candidates, settled frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frame import Pixels, SensorMode


@dataclass(frozen=True, slots=True)
class Crop:
    """Raw counts around a candidate, copied out of the frame.

    `pixels` has shape (height, width) and the frame's dtype; (`x0_px`, `y0_px`) is its upper left
    corner in the frame.
    """

    pixels: Pixels
    x0_px: int
    y0_px: int


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A connected cluster of lit pixels in one frame, before any veto.

    Attributes
    ----------
    rows, cols : ndarray of int32, shape (n,)
        Its pixels, in raster order.
    values_adu : ndarray of uint16, shape (n,)
        Raw counts.
    excess_adu : ndarray of float32, shape (n,)
        Counts above each pixel's own baseline.
    peak : int
        Index of the brightest pixel: the one with the largest excess over its own baseline, so
        that a hot pixel under a track can't take its place (ties: first in raster order).
    peak_sigma : float
        That pixel's excess in units of its own noise.
    crop : Crop
        Around the brightest pixel.
    unproven_hot : bool
        A single hot pixel whose stability rests on few frames: as likely a random telegraph
        pixel that blinked once as a particle.
    guessed : bool
        Found in a picture alone, as its brightest cluster: that the hit is there is a guess.
    """

    rows: NDArray[np.int32]
    cols: NDArray[np.int32]
    values_adu: NDArray[np.uint16]
    excess_adu: NDArray[np.float32]
    peak: int
    peak_sigma: float
    crop: Crop
    unproven_hot: bool = False
    guessed: bool = False

    @property
    def x_px(self) -> int:
        """Column of the brightest pixel."""
        return int(self.cols[self.peak])

    @property
    def y_px(self) -> int:
        """Row of the brightest pixel."""
        return int(self.rows[self.peak])

    @property
    def place_in_crop(self) -> tuple[int, int] | None:
        """Row and column of the brightest pixel in the crop; None where it is a guess."""
        if self.guessed:
            return None
        return self.y_px - self.crop.y0_px, self.x_px - self.crop.x0_px

    @property
    def peak_adu(self) -> int:
        """Raw counts of the brightest pixel."""
        return int(self.values_adu[self.peak])

    @property
    def sum_adu(self) -> float:
        """Sum of the excess over all its pixels."""
        return float(np.sum(self.excess_adu, dtype=np.float64))

    @property
    def area_px(self) -> int:
        """Number of pixels."""
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class FrameStamp:
    """What later stages need of a frame once its pixels are gone."""

    sequence: int
    index: int
    series: str
    mode: SensorMode
    sensor_time_ns: int | None
    utc_ns: int | None
    exposure_ns: int
    temperature_c: float | None
    origin: str


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """A candidate that every veto and the hold let pass."""

    frame: FrameStamp
    candidate: Candidate
    frames_lit: int = 1
    features: dict[str, float] = field(default_factory=dict)
    label: str = "artefact"
    scores: dict[str, float] = field(default_factory=dict)
    anomaly: float | None = None
    votes: dict[str, float] | None = None
    model_id: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A message without its envelope: `kind` (hit, exposure, ...), body, origin.

    The outbox (or the replay's writer) gives it rig, epoch, seq, id and floor.
    """

    kind: str
    body: dict[str, Any]
    origin: str
