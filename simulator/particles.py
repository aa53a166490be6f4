"""Which particles cross the sensor, and where along their paths they free charge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator import energy
from simulator.spec import SimulationSpec

Floats = NDArray[np.float64]

# A path is cut into steps of this length, well below the width of a charge cloud.
_STEP_PX = 0.25
# A muon is called a track from this projected length on, and a spot below the other.
_TRACK_PX = 6.0
_SPOT_PX = 1.5
# A worm is at least this long and its ends are nearer than this share of its length.
_WORM_PX = 8.0
_WORM_CHORD = 0.85
_WORM_TRIES = 24


@dataclass(frozen=True, slots=True, eq=False)
class Deposit:
    """Charge of one particle: n points with their depth.

    Attributes
    ----------
    kind : str
        "spot", "track" or "worm": the shape it was made for.
    particle : str
        "muon", "electron" or "photon".
    x_px, y_px : ndarray of float64, shape (n,)
        Place in the frame; the middle of the first pixel is (0, 0).
    depth : ndarray of float64, shape (n,)
        0 at the collecting side to 1 at the far end of the sensitive silicon.
    charge_e : ndarray of float64, shape (n,)
        Electrons freed at each point.
    """

    kind: str
    particle: str
    x_px: Floats
    y_px: Floats
    depth: Floats
    charge_e: Floats


def draw_particle(spec: SimulationSpec, random: np.random.Generator) -> Deposit:
    """Draw one particle: its class by the shares, its place evenly over the frame.

    A spot is, in equal parts, a low-energy photon or a muon so steep that it stays within a
    pixel or two; a track a muon that crosses 6 px or more; a worm a slow electron.
    """
    shares = np.array([spec.spot_share, spec.track_share, spec.worm_share])
    draw: tuple[Callable[[SimulationSpec, np.random.Generator], Deposit], ...]
    draw = (_draw_spot, _draw_track, _draw_worm)
    deposit = draw[int(random.choice(3, p=shares / shares.sum()))](spec, random)
    x_px = random.uniform(-0.5, spec.width_px - 0.5)
    y_px = random.uniform(-0.5, spec.height_px - 0.5)
    # The middle of the path goes there, so that long tracks aren't mostly cut off.
    middle = len(deposit.x_px) // 2
    return replace(
        deposit,
        x_px=deposit.x_px - deposit.x_px[middle] + x_px,
        y_px=deposit.y_px - deposit.y_px[middle] + y_px,
    )


def _draw_spot(spec: SimulationSpec, random: np.random.Generator) -> Deposit:
    if random.random() < 0.5:
        return _draw_photon(spec, random)
    longest = _SPOT_PX * spec.pixel_pitch_um / spec.sensitive_depth_um
    return _draw_muon("spot", spec, random, 0.0, longest)


def _draw_track(spec: SimulationSpec, random: np.random.Generator) -> Deposit:
    shortest = _TRACK_PX * spec.pixel_pitch_um / spec.sensitive_depth_um
    return _draw_muon("track", spec, random, shortest, np.inf)


def _draw_photon(spec: SimulationSpec, random: np.random.Generator) -> Deposit:
    """Draw a photon that is absorbed at one point: 0.05 to 20 keV collected, falling as 1/E.

    A stand-in for the X-rays and soft Compton electrons of a sensor's surroundings. Their
    electrons' range (5 um at most) is near or below a pixel and neglected; the low end is those
    absorbed under the sensitive depth, of whose charge only a part arrives.
    """
    energy_kev = np.exp(random.uniform(np.log(0.05), np.log(20.0)))
    charge = np.array([energy_kev * 1e3 / energy.PAIR_EV])
    return Deposit("spot", "photon", np.zeros(1), np.zeros(1), random.random(1), charge)


def _draw_muon(
    kind: str, spec: SimulationSpec, random: np.random.Generator, tan_low: float, tan_high: float
) -> Deposit:
    """Draw a muon that crosses a level sensor on a straight line.

    Intensity falls with the zenith angle as cos^2 (PDG, Review of Particle Physics, Cosmic
    Rays), so the flux through a level surface as cos^3 sin: cos^4 is even in (0, 1). Only
    angles with a tangent between `tan_low` and `tan_high` are drawn, from that law.
    """
    cos4_high = (1 + tan_low**2) ** -2.0
    cos4_low = 0.0 if np.isinf(tan_high) else (1 + tan_high**2) ** -2.0
    # Never quite level: a path has an end.
    cos_zenith = max(random.uniform(cos4_low, cos4_high) ** 0.25, 0.02)
    projected_um = spec.sensitive_depth_um * np.sqrt(1 / cos_zenith**2 - 1)
    azimuth = random.uniform(0.0, 2 * np.pi)
    length_um = spec.sensitive_depth_um / cos_zenith
    count = max(int(np.ceil(projected_um / spec.pixel_pitch_um / _STEP_PX)), 8)
    along = (np.arange(count) + 0.5) / count
    reach_px = projected_um / spec.pixel_pitch_um
    loss_ev = energy.draw_landau_loss_ev(length_um / count, count, random)
    return Deposit(
        kind,
        "muon",
        along * reach_px * np.cos(azimuth),
        along * reach_px * np.sin(azimuth),
        along,
        loss_ev / energy.PAIR_EV,
    )


def _draw_worm(spec: SimulationSpec, random: np.random.Generator) -> Deposit:
    """Draw slow electrons until one bends enough to be called a worm (or the most bent so far)."""
    best: Deposit | None = None
    best_score = np.inf
    for _ in range(_WORM_TRIES):
        deposit = _draw_electron(spec, random)
        length = len(deposit.x_px) * _STEP_PX
        chord = float(
            np.hypot(
                deposit.x_px[-1] - deposit.x_px[0],
                deposit.y_px[-1] - deposit.y_px[0],
            )
        )
        score = max(chord / length / _WORM_CHORD, _WORM_PX / length)
        if best is None or score < best_score:
            best, best_score = deposit, score
        if score <= 1:
            break
    assert best is not None  # noqa: S101  (for the type checker: there is at least one try)
    return best


def _draw_electron(spec: SimulationSpec, random: np.random.Generator) -> Deposit:
    """Draw an electron of 30 to 150 keV that starts along the sensor and scatters until it stops.

    Its direction does a random walk with Highland's width (PDG, eq. 34.16), which grows as it
    slows down; its energy follows from the range that is left (`energy.electron_energy_kev`). It
    ends where it stops or leaves the sensitive depth.
    """
    start_kev = np.exp(random.uniform(np.log(30.0), np.log(150.0)))
    step_um = _STEP_PX * spec.pixel_pitch_um
    count = max(int(np.ceil(energy.electron_range_um(start_kev) / step_um)), 2)
    left_um = energy.electron_range_um(start_kev) - step_um * np.arange(count + 1)
    energy_kev = energy.electron_energy_kev(np.maximum(left_um, 0.0))
    bend = energy.scattering_angle_rad(energy_kev[:-1], step_um)
    azimuth = random.uniform(0.0, 2 * np.pi) + np.cumsum(bend * random.standard_normal(count))
    dip = random.uniform(-0.3, 0.3) + np.cumsum(bend * random.standard_normal(count))
    z_um = random.uniform(0.0, spec.sensitive_depth_um) + step_um * np.cumsum(np.sin(dip))
    outside = np.flatnonzero((z_um < 0) | (z_um > spec.sensitive_depth_um))
    end = max(int(outside[0]), 1) if len(outside) else count
    across = _STEP_PX * np.cos(dip[:end])
    return Deposit(
        "worm",
        "electron",
        np.cumsum(across * np.cos(azimuth[:end])),
        np.cumsum(across * np.sin(azimuth[:end])),
        np.clip(z_um[:end] / spec.sensitive_depth_um, 0.0, 1.0),
        -np.diff(energy_kev)[:end] * 1e3 / energy.PAIR_EV,
    )
