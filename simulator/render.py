"""Charge points to electrons in pixels: every point a Gaussian cloud, cut by the pixel grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.deposit import Deposit
from simulator.spec import SimulationSpec

Floats = NDArray[np.float64]

# Points that are rendered together: a short stretch of path, so that the patch stays small.
_CHUNK = 64
# The cloud is cut where less than 1e-4 of it is left.
_REACH_SIGMA = 4.0
# Charge doesn't gather in a point even where nothing diffuses: the track of the free charge
# itself is some 0.1 um wide.
_LEAST_SIGMA_UM = 0.1
# Further than any particle reaches.
_FAR_PX = 1 << 30

# First column (included), last (not), first row, last.
_Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Electrons of one particle in a rectangle of the frame.

    `electrons` has shape (height, width) and dtype float64 and holds whole numbers; (`x0_px`,
    `y0_px`) is its upper left corner.
    """

    electrons: Floats
    x0_px: int
    y0_px: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Its rows and columns in the frame."""
        height, width = self.electrons.shape
        return slice(self.y0_px, self.y0_px + height), slice(self.x0_px, self.x0_px + width)


def render(deposit: Deposit, spec: SimulationSpec) -> Patch | None:
    """Electrons that a particle leaves in the pixels, without noise.

    A cloud that starts in the sensitive silicon drifts in an even field and spreads with
    sigma = `diffusion_um` sqrt(z / depth) (sigma^2 = 2 D t; Janesick, Scientific Charge-Coupled
    Devices, SPIE 2001, ch. 4). Below it there is no field: from l below its end, a share of
    exp(-l / L) arrives before it recombines, L being the diffusion length `substrate_um`, and has
    spread by sigma^2 = l L more (diffusion with a lifetime: the mean time to the border of those
    that arrive is l L / 2D). So the deep ends of tracks fade and widen. A pixel gets the cloud's
    integral over its own square. Rounding to whole electrons keeps the result from hanging on
    the order of a sum.

    Returns
    -------
    Patch or None
        None where nothing falls inside the frame.
    """
    return _render(deposit, spec, (0, spec.width_px, 0, spec.height_px))


def render_whole(deposit: Deposit, spec: SimulationSpec) -> Patch | None:
    """`render` on pixels without end; None where not even an electron arrives."""
    return _render(deposit, spec, (-_FAR_PX, _FAR_PX, -_FAR_PX, _FAR_PX))


def _render(deposit: Deposit, spec: SimulationSpec, frame: _Box) -> Patch | None:
    sigma_px, arriving_e = _arrival(deposit, spec)
    box = _bounds(deposit, _REACH_SIGMA * sigma_px, frame)
    if box is None:
        return None
    x0, x1, y0, y1 = box
    electrons = np.zeros((y1 - y0, x1 - x0))
    for part in _parts(len(deposit.x_px)):
        reach = _REACH_SIGMA * sigma_px[part]
        columns = _pixels(deposit.x_px[part], reach, x0, x1)
        rows = _pixels(deposit.y_px[part], reach, y0, y1)
        across = _share(deposit.x_px[part], sigma_px[part], columns)
        down = _share(deposit.y_px[part], sigma_px[part], rows) * arriving_e[part][:, None]
        window = np.s_[rows.start - y0 : rows.stop - y0, columns.start - x0 : columns.stop - x0]
        electrons[window] += down.T @ across
    np.rint(electrons, out=electrons)
    return Patch(electrons, x0, y0) if electrons.any() else None


def _arrival(deposit: Deposit, spec: SimulationSpec) -> tuple[Floats, Floats]:
    """Width in px and electrons of each point's cloud, as they arrive."""
    below_um = np.maximum(deposit.depth - 1, 0.0) * spec.sensitive_depth_um
    variance = spec.diffusion_um**2 * np.minimum(deposit.depth, 1.0)
    variance += below_um * spec.substrate_um + deposit.spread_um**2 + _LEAST_SIGMA_UM**2
    share = np.exp(-below_um / max(spec.substrate_um, 1e-9))
    return np.sqrt(variance) / spec.pixel_pitch_um, deposit.charge_e * share


def _bounds(deposit: Deposit, reach: Floats, frame: _Box) -> _Box | None:
    columns = _pixels(deposit.x_px, reach, frame[0], frame[1])
    rows = _pixels(deposit.y_px, reach, frame[2], frame[3])
    if not columns or not rows:
        return None
    return columns.start, columns.stop, rows.start, rows.stop


def _parts(count: int) -> Iterator[slice]:
    for start in range(0, count, _CHUNK):
        yield slice(start, min(start + _CHUNK, count))


def _pixels(places: Floats, reach: Floats, low: int, high: int) -> range:
    """Pixels within `reach` of each place, cut to `low` (included) and `high` (not)."""
    start = max(int(np.floor((places - reach).min() + 0.5)), low)
    stop = min(int(np.ceil((places + reach).max() + 0.5)), high)
    return range(start, max(stop, start))


def _share(places: Floats, sigma: Floats, pixels: range) -> Floats:
    """Share of each point's cloud that falls into each pixel along one axis, shape (n, pixels)."""
    edges = np.arange(pixels.start, pixels.stop + 1) - 0.5
    below = normal_cdf((edges[None, :] - places[:, None]) / sigma[:, None])
    return np.asarray(np.diff(below, axis=1))


def normal_cdf(x: Floats) -> Floats:
    """Cumulative normal distribution, to 7.5e-8.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17; NumPy has no erf.
    """
    t = 1 / (1 + 0.2316419 * np.abs(x))
    series = 0.319381530 + t * (
        -0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))
    )
    tail = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi) * t * series
    return np.asarray(np.where(x > 0, 1 - tail, tail))
