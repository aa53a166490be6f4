"""A calibration as one picture: maps, histograms and the tail of the frame maxima."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.model import Calibration

_INCHES = (15.0, 9.0)
_DPI = 110
_MAP_CELLS = 480
_BAD_MAP_CELLS = 480
_BINS = 160
_HOT_COLOUR, _MASKED_COLOUR = "#ff9d1e", "#e0115f"
_PLAIN_COLOUR, _BAR_COLOUR = "#10142a", "#4d5f94"
_MARK_COLOURS = ("#c2410c", "#047857", "#7e22ce")

Mark = tuple[str, float]


def draw(calibration: Calibration, path: Path) -> None:
    """Draw a calibration into a PNG.

    Six panels: the maps of baseline, noise and bad pixels above; the histograms of baseline and
    noise with the cover limits, and the tail of the frame maxima with the thresholds below.

    Parameters
    ----------
    calibration : Calibration
        Of any size; maps are averaged down to what a screen shows.
    path : Path
        PNG to write; an existing file is replaced.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message is one line for the user.
    OSError
        If the file can't be written.
    """
    figure = _figure()
    (baseline, noise, bad), (levels, noises, maxima) = figure.subplots(2, 3)
    figure.suptitle(_title(calibration), fontsize=11)
    _map(figure, baseline, calibration.mean_adu, "baseline of each pixel (ADU)")
    _map(figure, noise, calibration.sigma_adu, "noise of each pixel (ADU)")
    _bad_pixels(bad, calibration)
    _baseline_histogram(levels, calibration)
    _noise_histogram(noises, calibration)
    _maxima_tail(maxima, calibration)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Title": f"calibration {calibration.id}"})
    path.write_bytes(buffer.getvalue())


def _figure() -> Any:
    # Not pyplot: no window system, no state shared with anything else in the process.
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ModuleNotFoundError(
            "drawing a calibration needs matplotlib: pip install 'cosmic-edge[plot]'",
            name="matplotlib",
        ) from error
    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _title(calibration: Calibration) -> str:
    mode = calibration.mode
    height, width = calibration.mean_adu.shape
    sensor = str(mode.get("sensor") or "") or "unknown sensor"
    temperature = calibration.temperature_c
    parts = [
        f"{sensor}, {width} × {height} px, {mode.get('bit_depth', '?')} bit",
        f"{calibration.frames_used} dark frames",
        "temperature unknown" if temperature is None else f"{temperature:.1f} °C",
        calibration.created_utc,
    ]
    if mode.get("exposure_ns"):
        parts.insert(1, f"exposure {float(mode['exposure_ns']) / 1e9:.4g} s")
    rate = (
        f"expected false triggers: {calibration.expected_false_triggers_per_hour:.3g} per hour at "
        f"{calibration.seed_sigma:.2f} σ (clusters grow from {calibration.growth_sigma:.2f} σ)"
    )
    return f"calibration {calibration.id}\n" + " · ".join(p for p in parts if p) + f"\n{rate}"


def _map(figure: Any, axes: Any, values: NDArray[np.float32], title: str) -> None:
    small = block_mean(values, _MAP_CELLS)
    low, high = (float(v) for v in np.percentile(small, (0.5, 99.5)))
    height, width = values.shape
    image = axes.imshow(
        small,
        cmap="inferno",
        vmin=low,
        vmax=max(high, low + 1e-6),
        extent=(0, width, height, 0),
        interpolation="nearest",
    )
    axes.set_title(title)
    figure.colorbar(image, ax=axes, shrink=0.8)


def _bad_pixels(axes: Any, calibration: Calibration) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    height, width = calibration.masked.shape
    cells = block_any(calibration.hot, _BAD_MAP_CELLS).astype(np.uint8)
    cells[block_any(calibration.masked, _BAD_MAP_CELLS)] = 2
    axes.imshow(
        cells,
        cmap=ListedColormap([_PLAIN_COLOUR, _HOT_COLOUR, _MASKED_COLOUR]),
        vmin=0,
        vmax=2,
        extent=(0, width, height, 0),
        interpolation="nearest",
    )
    axes.set_title("hot and masked pixels")
    named = (
        (_HOT_COLOUR, f"{calibration.hot_px:,} hot, own threshold"),
        (_MASKED_COLOUR, f"{calibration.masked_px:,} masked"),
    )
    handles = [Patch(facecolor=colour, label=label) for colour, label in named]
    axes.legend(handles=handles, loc="upper right", fontsize=8, framealpha=0.9)


def _baseline_histogram(axes: Any, calibration: Calibration) -> None:
    marks = [
        ("black level", calibration.black_level_adu),
        ("cover: mean below", calibration.cover.mean_limit_adu),
        ("cover: bright above", float(calibration.cover.black_adu)),
    ]
    low = float(calibration.mean_adu.min())
    high = max(value for _, value in marks) + 10 * max(calibration.noise_adu, 1.0)
    _histogram(axes, calibration.mean_adu, low, high)
    _finish(axes, "baselines", "ADU", "pixels", marks)


def _noise_histogram(axes: Any, calibration: Calibration) -> None:
    typical = calibration.noise_adu
    _histogram(axes, calibration.sigma_adu, 0.0, 6 * max(typical, 0.1))
    _finish(axes, "noise", "ADU", "pixels", [("median", typical)])


def _histogram(axes: Any, values: NDArray[np.float32], low: float, high: float) -> None:
    high = max(high, low + 1.0)
    clipped = np.clip(values, low, high)
    counts, edges = np.histogram(clipped, bins=_BINS, range=(low, high))
    axes.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=_BAR_COLOUR)
    axes.set_yscale("log")
    axes.set_ylim(0.5, 3 * max(int(counts.max()), 1))
    above = int(np.count_nonzero(values > high))
    if above:
        # They are gathered in the last bar, so that no pixel is hidden by the axis.
        axes.annotate(
            f"{above:,} px beyond",
            (high, max(int(counts[-1]), 1)),
            textcoords="offset points",
            xytext=(-4, 6),
            ha="right",
            fontsize=8,
        )


def _maxima_tail(axes: Any, calibration: Calibration) -> None:
    maxima = np.sort(calibration.frame_maxima_adu)
    ordinary = ~(calibration.masked | calibration.hot)
    seeds = calibration.seed_threshold[ordinary]
    growths = calibration.growth_threshold[ordinary]
    marks: list[Mark] = []
    if seeds.size:
        marks.append(("seed threshold (median)", float(np.median(seeds))))
        marks.append(("growth threshold (median)", float(np.median(growths))))
    if maxima.size:
        share = np.arange(maxima.size, 0, -1) / maxima.size
        axes.step(maxima, share, where="pre", color=_BAR_COLOUR)
        axes.set_yscale("log")
        axes.set_ylim(0.5 / maxima.size, 1.5)
        largest, least = float(maxima[-1]), min((v for _, v in marks), default=float(maxima[0]))
        if least > 0 and largest > 30 * least:
            axes.set_xscale("log")
    _finish(axes, "tail of the frame maxima, hot pixels included", "ADU", "share of frames", marks)


def _finish(axes: Any, title: str, x: str, y: str, marks: Iterable[Mark]) -> None:
    for (name, value), colour in zip(marks, _MARK_COLOURS, strict=False):
        axes.axvline(
            value, color=colour, linestyle="--", linewidth=1.2, label=f"{name} {value:.4g}"
        )
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", fontsize=8)


def block_mean(values: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """Average blocks until the longer side has at most `cells`; the rest at an edge is left out."""
    factor = _factor(values.shape, cells)
    if factor == 1:
        return values
    rows, cols = (max(n // factor, 1) for n in values.shape)
    cut = values[: rows * factor, : cols * factor]
    down, right = cut.shape[0] // rows, cut.shape[1] // cols
    blocks = cut[: rows * down, : cols * right].reshape(rows, down, cols, right)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def block_any(flags: NDArray[np.bool_], cells: int) -> NDArray[np.bool_]:
    """Mark each block with a marked pixel, so that one bad pixel of millions is seen."""
    factor = _factor(flags.shape, cells)
    height, width = flags.shape
    padded = np.pad(flags, ((0, -height % factor), (0, -width % factor)))
    rows, cols = padded.shape[0] // factor, padded.shape[1] // factor
    return np.asarray(padded.reshape(rows, factor, cols, factor).any(axis=(1, 3)), dtype=np.bool_)


def _factor(shape: tuple[int, ...], cells: int) -> int:
    return max(1, -(-max(shape) // cells))
