"""Lines of a truth, of hits and of exposure records, as small as they may be."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edge.messages.utc import format_utc_ns

Line = dict[str, Any]
WIDTH, HEIGHT = 320, 240


def particle(frame: int | None, x: int, y: int, **more: Any) -> Line:
    line = {"series": "", "frame": frame, "sequence": frame, "status": "ok", "covered": True}
    return line | {"class": "spot", "x_px": x, "y_px": y, "peak_sigma": 50.0} | more


def track(frame: int, x: int, y: int, length: int, **more: Any) -> Line:
    """A horizontal one, brightest at its left end."""
    cols = list(range(x, x + length))
    return particle(frame, x, y, **{"class": "track", "rows": [y] * length, "cols": cols, **more})


def hit(frame: int, x: int, y: int, **more: Any) -> Line:
    line = {"schema": "cosmic-edge/hit/1", "origin": "simulation", "series": "", "frame": frame}
    features = {"centroid_x_px": float(x), "centroid_y_px": float(y)}
    line |= {"x_px": x, "y_px": y, "class": "spot", "features": features}
    return line | {"time_utc": format_utc_ns(frame * 100_000_000)} | more


def exposure(processed: int, *, live_s: float = 60.0, **more: Any) -> Line:
    frames = {"expected": processed, "processed": processed}
    return {
        "schema": "cosmic-edge/exposure/1",
        "series": "",
        "frames": frames | more.pop("frames", {}),
        "live_time_ns": round(live_s * 1e9),
        "thresholds": {"seed_sigma": 7.0},
        "sensor": {"name": "", "width_px": WIDTH, "height_px": HEIGHT},
    } | more


def write(path: Path, lines: Iterable[Line]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
