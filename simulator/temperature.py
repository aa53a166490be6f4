"""How warm the sensor is, and what that does to its dark current."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.spec import SimulationSpec

# The maps of the dark are made anew after so many frames at the latest, and for each such step.
_MOST_FRAMES = 64
_STEP_C = 0.05


def temperature_at(spec: SimulationSpec, index: int) -> float:
    """Temperature of the sensor when frame `index` starts, in degC.

    An even ramp of `temperature_drift_c` within `temperature_drift_s`, then constant.
    """
    if spec.temperature_drift_c == 0:
        return spec.temperature_c
    time_s = index * spec.frame_duration_ns * 1e-9
    share = min(time_s / spec.temperature_drift_s, 1.0)
    return spec.temperature_c + share * spec.temperature_drift_c


def block_start(spec: SimulationSpec, index: int) -> int:
    """First frame of the stretch in which the dark of frame `index` counts as constant.

    At most 64 frames and, where these are more than one, 0.05 degC: half a percent of the dark
    current.
    """
    if spec.temperature_drift_c == 0:
        return 0
    frame_s = spec.frame_duration_ns * 1e-9
    frame_c = abs(spec.temperature_drift_c) * frame_s / spec.temperature_drift_s
    frames = int(np.clip(_STEP_C / frame_c, 1, _MOST_FRAMES))
    return index - index % frames


def dark_factor(
    spec: SimulationSpec, temperature_c: float, doubling_c: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """How many times the dark current at the reference temperature flows at `temperature_c`.

    Dark current of depletion follows the intrinsic carriers, exp(-E / kT) with E near half the
    gap of silicon, that of diffusion the square of them: together it doubles every 5 to 8 degC
    near room temperature (Janesick, Scientific Charge-Coupled Devices, SPIE 2001, ch. 7; Widenhorn
    et al., Proc. SPIE 4669 (2002) 193, also for the spread between hot pixels).

    Parameters
    ----------
    doubling_c : ndarray of float64, optional
        Doubling temperatures of single pixels; None: the sensor's own.

    Returns
    -------
    ndarray of float64
        Shape of `doubling_c`, or () without.
    """
    each = np.float64(spec.dark_doubling_c) if doubling_c is None else doubling_c
    return np.asarray(np.exp2((temperature_c - spec.dark_reference_c) / each))
