"""Long streams of dark frames made of a few real ones, with real hits at known places.

A series has five or ten frames, too few for an efficiency. So a stream is drawn from them:

- Real hits (the reference clusters of `test_real_darks`, with 2 px around them) are taken out:
  each such pixel gets the median of the other frames and noise of that pixel.
- The mean of what is left is the pattern, hot pixels and all.
- The noise of a frame is what a real frame differs from that pattern by, scaled by sqrt(n/(n-1))
  as it is part of the mean, in units of the noise of its own pixel, moved by a random distance
  around the frame, and scaled by the noise of the pixel it lands on. So it keeps the real
  distribution and the real lines, but no value ever stays at one pixel: what an unstable pixel
  does over minutes is not in it. Values beyond 5 sigma (restless pixels), and two or more
  neighbours above 3 (hits too faint for the reference), are drawn from a normal distribution
  instead.
- The noise of a pixel is the real series' own: the larger of what pixels of its level have, and of
  its own robust spread.
- Onto that come crops of real hits of another camera, scaled so that the brightest pixel has a
  wanted signal in units of the noise of the pixel it falls on. No shot noise is added to them.
  That pixel is never one half as noisy again as those around it: of a hit whose brightest pixel
  lies on such a one, the others stand out more than its peak says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from edge.frame import Frame, SensorMode
from edge.recording.writer import RecordingWriter
from tests.system.test_real_darks import reference_clusters, robust_spread

FRAME_S = 60
_CLIP_SIGMA, _FAINT_SIGMA = 5.0, 3.0
_ODDEST = 1.5
_LEVELS = 24


@dataclass(frozen=True)
class Darks:
    """What a real series is made of: `noise` in sigma (frame, row, column), the rest in ADU."""

    pattern: np.ndarray
    sigma: np.ndarray
    noise: np.ndarray


def take_apart(stack: np.ndarray, draw: np.random.Generator) -> Darks:
    """Part a real series without its hits into pattern and noise."""
    cleaned = without_hits(stack, draw)
    pattern = cleaned.mean(axis=0)
    count = len(stack)
    residual = (cleaned - pattern) * np.sqrt(count / (count - 1))
    sigma = np.maximum(level_noise(pattern, residual), robust_spread(residual, axis=0))
    noise = residual / sigma
    wild = np.abs(noise) > _CLIP_SIGMA
    for i, field in enumerate(noise):
        labels, _ = ndimage.label(field > _FAINT_SIGMA, structure=np.ones((3, 3)))
        wild[i] |= (np.bincount(labels.ravel())[labels] > 1) & (labels > 0)
    noise[wild] = draw.standard_normal(int(wild.sum()))
    return Darks(pattern, sigma, noise)


def without_hits(stack: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Put what the other frames show, and noise, where the reference sees a hit."""
    cleaned = stack.copy()
    for i, clusters in enumerate(reference_clusters(stack)):
        lit = np.zeros(stack.shape[1:], bool)
        for cluster in clusters:
            lit[cluster[:, 0], cluster[:, 1]] = True
        lit = ndimage.binary_dilation(lit, iterations=2)
        others = np.delete(stack, i, axis=0)[:, lit]
        spread = robust_spread(others, axis=0)
        cleaned[i][lit] = np.median(others, axis=0) + spread * draw.standard_normal(spread.shape)
    return cleaned


def level_noise(pattern: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Noise that pixels of the same level have, from the robust spread of all of them."""
    edges = np.unique(np.quantile(pattern, np.linspace(0, 1, _LEVELS + 1)))
    which = np.clip(np.searchsorted(edges, pattern, side="right") - 1, 0, len(edges) - 2)
    spreads = [robust_spread(residual[:, which == i].ravel()) for i in range(len(edges) - 1)]
    return np.array(spreads)[which]


def real_hits(folder: Path) -> list[np.ndarray]:
    """Luma of the real hits, brightest pixel 1; the dark rim around each is cut away."""
    import cv2

    hits = []
    for file in sorted(folder.glob("*.png")):
        luma = cv2.imread(str(file)).astype(np.float64) @ (0.114, 0.587, 0.299)
        luma /= luma.max()
        labels, _ = ndimage.label(luma > 0.02, structure=np.ones((3, 3)))
        main = labels == labels[np.unravel_index(luma.argmax(), luma.shape)]
        rows, cols = np.nonzero(main)
        box = slice(rows.min(), rows.max() + 1), slice(cols.min(), cols.max() + 1)
        hits.append(np.where(main, luma, 0)[box])
    return hits


def write_stream(
    folder: Path,
    darks: Darks,
    hits: list[np.ndarray],
    peaks_sigma: np.ndarray,
    *,
    per_frame: int,
    draw: np.random.Generator,
) -> int:
    """Write a recording with `per_frame` hits in each frame, one for each peak; return frames."""
    height, width = darks.pattern.shape
    mode = SensorMode(
        "real darks",
        width,
        height,
        16,
        exposure_ns=FRAME_S * 10**9,
        frame_duration_ns=FRAME_S * 10**9,
    )
    groups = np.array_split(peaks_sigma, -(-len(peaks_sigma) // per_frame))
    with RecordingWriter(folder, mode, "recording", with_truth=True) as writer:
        for number, peaks in enumerate(groups):
            signal, truth = np.zeros((height, width)), []
            for peak in peaks.tolist():
                shape = hits[int(draw.integers(len(hits)))]
                truth.append(_add(signal, shape, peak, darks.sigma, draw))
            counts = darks.pattern + signal + _noise(darks, draw)
            pixels = np.clip(np.rint(counts), 0, 65535).astype(np.uint16)
            writer.append(Frame(pixels, number, number, mode, origin="recording"))
            writer.append_truth(number, number, "ok", truth)
    return len(groups)


def _noise(darks: Darks, draw: np.random.Generator) -> np.ndarray:
    count, height, width = darks.noise.shape
    field = darks.noise[int(draw.integers(count))]
    moved = (int(draw.integers(height)), int(draw.integers(width)))
    return np.asarray(np.roll(field, moved, axis=(0, 1)) * darks.sigma)


def _add(
    signal: np.ndarray,
    shape: np.ndarray,
    peak_sigma: float,
    sigma: np.ndarray,
    draw: np.random.Generator,
) -> dict[str, Any]:
    """Put a hit at a free place and tell its truth."""
    for y0, x0 in _places(signal, shape, draw):
        window = signal[y0 : y0 + shape.shape[0], x0 : x0 + shape.shape[1]]
        row, col = np.unravel_index(shape.argmax(), shape.shape)
        noise = np.hypot(sigma[y0 : y0 + shape.shape[0], x0 : x0 + shape.shape[1]], 12**-0.5)
        added = shape * peak_sigma * noise[row, col]
        if window.any() or noise[row, col] > _ODDEST * np.median(noise):
            continue
        window += added
        lit = added >= noise
        lit[row, col] = True
        rows, cols = np.nonzero(lit)
        return {
            "class": "hit",
            "x_px": int(x0 + col),
            "y_px": int(y0 + row),
            "peak_sigma": peak_sigma,
            "rows": (rows + y0).tolist(),
            "cols": (cols + x0).tolist(),
            "covered": True,
        }
    raise AssertionError("no free place")


def _places(
    signal: np.ndarray, shape: np.ndarray, draw: np.random.Generator
) -> Iterator[tuple[int, int]]:
    for _ in range(1000):
        y0, x0 = (draw.integers(n - m) for n, m in zip(signal.shape, shape.shape, strict=True))
        yield int(y0), int(x0)
