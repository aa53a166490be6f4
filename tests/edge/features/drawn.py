"""Pictures of hits drawn with NumPy alone, the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

SIDE_PX = 60


def brush(points: list[tuple[float, float]], width_px: float, peak: float) -> np.ndarray:
    """Light along a line through points (row, column), falling off across it."""
    rows, cols = np.mgrid[:SIDE_PX, :SIDE_PX].astype(float)
    nearest = np.full((SIDE_PX, SIDE_PX), np.inf)
    for (y0, x0), (y1, x1) in zip(points, points[1:] or points, strict=False):
        dy, dx = y1 - y0, x1 - x0
        along = ((rows - y0) * dy + (cols - x0) * dx) / max(dy * dy + dx * dx, 1e-9)
        along = np.clip(along, 0, 1)
        nearest = np.minimum(nearest, np.hypot(rows - y0 - along * dy, cols - x0 - along * dx))
    return peak * np.exp(-0.5 * (nearest / width_px) ** 2)


def arc(radius: float, degrees: float) -> list[tuple[float, float]]:
    """Points on an arc about the middle."""
    angles = np.radians(np.linspace(0, degrees, 40))
    return [(30 + radius * np.sin(a), 30 + radius * np.cos(a)) for a in angles]


def pictures() -> Mapping[str, np.ndarray]:
    """Named pictures, shape (60, 60), uint8: a background of 12 and what stands on it."""
    random = np.random.default_rng(20)
    noise = random.integers(0, 4, (SIDE_PX, SIDE_PX))
    drawn = {
        "spot": brush([(30, 30)], 1.4, 180),
        "oval": brush([(29, 27), (31, 33)], 2.2, 200),
        "track": brush([(14, 9), (41, 50)], 1.0, 220),
        "row": brush([(25, 10), (25, 45)], 0.7, 220),
        "thick": brush([(20, 20), (40, 40)], 3.0, 150),
        "arc": brush(arc(16, 180), 1.1, 210),
        "worm": brush([(15, 12), (25, 30), (18, 44), (40, 48)], 1.2, 190),
        "ring": brush(arc(14, 360), 1.3, 170),
        "fork": np.maximum(brush([(45, 30), (28, 30)], 1.1, 200),
                           brush([(12, 16), (28, 30), (12, 44)], 1.1, 200)),
    }  # fmt: skip
    return {
        name: np.clip(np.rint(light) + 12 + noise, 0, 255).astype(np.uint8)
        for name, light in drawn.items()
    }
