"""What really was in a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.deposit import Deposit
from simulator.render import Patch
from simulator.sensor import Sensor, temporal_sigma_adu
from simulator.spec import SimulationSpec


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """One particle in one frame, without noise.

    Attributes
    ----------
    frame : int
        Number of the frame, from 0, lost frames counted.
    kind : str
        "spot", "track" or "worm": the shape a person would see (`simulator.shape`).
    particle : str
        "muon", "electron", "photon" or "alpha".
    energy_kev : float
        Energy it left where charge can be collected, recombined or beyond full well too.
    x_px, y_px : int
        Its brightest pixel (the first in raster order where several are equal).
    peak_adu : float
        Its signal there above the pixel's own dark mean, cut where the pixel is full.
    peak_sigma : float
        The same in units of that pixel's whole noise from frame to frame, as digitised: read and
        shot noise, that of its row and column, and rounding.
    sum_adu : float
        Its signal over all pixels, cut where a pixel is full.
    rows, cols : ndarray of int32, shape (n,)
        Pixels where it stands at least 1 sigma of the noise above the dark mean, in raster order;
        the brightest alone where there are none.
    time_offset_s : float
        When it came, from the start of exposure of the frame's first row.
    covered : bool
        Whether the frame is dark.
    """

    frame: int
    kind: str
    particle: str
    energy_kev: float
    x_px: int
    y_px: int
    peak_adu: float
    peak_sigma: float
    sum_adu: float
    rows: NDArray[np.int32]
    cols: NDArray[np.int32]
    time_offset_s: float
    covered: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON, with `class` for its kind."""
        return {
            "class": self.kind,
            "particle": self.particle,
            "energy_kev": round(self.energy_kev, 4),
            "x_px": self.x_px,
            "y_px": self.y_px,
            "peak_adu": round(self.peak_adu, 3),
            "peak_sigma": round(self.peak_sigma, 3),
            "sum_adu": round(self.sum_adu, 3),
            "rows": self.rows.tolist(),
            "cols": self.cols.tolist(),
            "time_offset_s": round(self.time_offset_s, 9),
            "covered": self.covered,
        }


def make_truth(
    deposit: Deposit,
    patch: Patch,
    sensor: Sensor,
    spec: SimulationSpec,
    *,
    frame: int,
    exposure_share: float,
    covered: bool,
) -> Truth:
    """Describe a particle; it came at `exposure_share` (0 to 1) of its brightest row's exposure."""
    dark = sensor.dark(frame)
    sigma = temporal_sigma_adu(dark, spec, patch.window)
    room = np.maximum(spec.saturation_adu - dark.mean_adu[patch.window], 0.0)
    collected = patch.electrons * sensor.response[patch.window]
    signal = np.minimum(collected * spec.adu_per_e, room)
    row, col = divmod(int(signal.argmax()), signal.shape[1])
    lit = signal >= sigma
    lit[row, col] = True
    rows, cols = np.nonzero(lit)
    y_px = patch.y0_px + row
    time_ns = y_px * spec.row_time_ns + exposure_share * spec.exposure_ns
    return Truth(
        frame=frame,
        kind=deposit.kind,
        particle=deposit.particle,
        energy_kev=deposit.energy_kev,
        x_px=patch.x0_px + col,
        y_px=y_px,
        peak_adu=float(signal[row, col]),
        peak_sigma=float(signal[row, col] / sigma[row, col]),
        sum_adu=float(signal.sum()),
        rows=(rows + patch.y0_px).astype(np.int32),
        cols=(cols + patch.x0_px).astype(np.int32),
        time_offset_s=time_ns * 1e-9,
        covered=covered,
    )
