"""Which particles cross the sensor, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulator.alpha import draw_alpha
from simulator.deposit import Deposit
from simulator.electron import draw_electron
from simulator.muon import draw_muon
from simulator.photon import draw_photon
from simulator.render import render_whole
from simulator.shape import judge
from simulator.spec import SimulationSpec

__all__ = ["Deposit", "draw_particle"]

_Draw = Callable[[SimulationSpec, np.random.Generator], "Deposit | None"]

# Muons that cross less or more than this make spots or tracks, mostly.
_STEEP_PX = 3.0
# After so many particles of other shapes the last one is taken as it is.
_TRIES = 48


def draw_particle(spec: SimulationSpec, random: np.random.Generator) -> Deposit:
    """Draw one particle: its class by the shares, its place evenly over the frame.

    Particles are drawn from the sources of a class (`_sources`) until one has its shape
    (`shape.judge` of its noise-free picture), so that `kind` is what a person would see. Where
    a sensor can't show the shape (pixels wider than its tracks), `kind` is the shape it has.
    """
    kinds = ("spot", "track", "worm", "alpha")
    shares = np.array([spec.spot_share, spec.track_share, spec.worm_share, spec.alpha_share])
    wanted = kinds[int(random.choice(4, p=shares / shares.sum()))]
    sources, weights = _sources(wanted, spec)
    deposit = None
    for _ in range(_TRIES):
        drawn = sources[int(random.choice(len(sources), p=weights))](spec, random)
        if drawn is None:
            continue
        # Judged where it will lie in its pixels, and moved by whole ones afterwards.
        drawn = _middle_to(drawn, *random.uniform(-0.5, 0.5, 2))
        kind = _shape(drawn, spec)
        if kind is None:
            continue
        deposit = replace(drawn, kind=kind)
        if wanted in (kind, "alpha"):
            break
    column = int(random.integers(spec.width_px))
    row = int(random.integers(spec.height_px))
    deposit = deposit or _faint()
    return replace(deposit, x_px=deposit.x_px + column, y_px=deposit.y_px + row)


def _sources(wanted: str, spec: SimulationSpec) -> tuple[tuple[_Draw, ...], tuple[float, ...]]:
    """What makes a class, and in which proportions it is tried.

    Muons make spots when they are steep and tracks when they are not; electrons of natural
    radioactivity make all shapes, most of the worms; X-rays spots. The proportions are those
    that look like the real hits of phones and Pi cameras (``python -m benchmarks.likeness``):
    rates of radioactivity differ from place to place more than the models do.
    """
    border = _STEEP_PX * spec.pixel_pitch_um / spec.sensitive_depth_um

    def steep(spec: SimulationSpec, random: np.random.Generator) -> Deposit | None:
        return draw_muon(spec, random, tan_high=border)

    def slanting(spec: SimulationSpec, random: np.random.Generator) -> Deposit | None:
        return draw_muon(spec, random, tan_low=border)

    if wanted == "alpha":
        return (draw_alpha,), (1.0,)
    if wanted == "spot":
        return (draw_photon, steep, draw_electron), (0.4, 0.3, 0.3)
    if wanted == "track":
        return (slanting, draw_electron), (0.75, 0.25)
    return (slanting, draw_electron), (0.05, 0.95)


def _shape(deposit: Deposit, spec: SimulationSpec) -> str | None:
    """Judge its picture; None where it leaves nothing."""
    patch = render_whole(deposit, spec)
    if patch is None:
        return None
    return judge(patch.electrons, spec.noise_adu / spec.adu_per_e)


def _faint() -> Deposit:
    """Stand for a particle that left nothing, however often it was drawn."""
    zero = np.zeros(1)
    return Deposit("spot", "photon", zero, zero, zero, zero)


def _middle_to(deposit: Deposit, x_px: float, y_px: float) -> Deposit:
    """Move the middle of its path there: long tracks are then not mostly cut off by the frame."""
    middle = len(deposit.x_px) // 2
    return replace(
        deposit,
        x_px=deposit.x_px - deposit.x_px[middle] + x_px,
        y_px=deposit.y_px - deposit.y_px[middle] + y_px,
    )
