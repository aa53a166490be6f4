"""What the rig has learned of its camera."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from edge.display.units import duration
from edge.doctor.check import Finding

_FOLDER = "calibrations"
_OLD_S = 90 * 86_400.0


def calibration(state_dir: Path, now_s: Callable[[], float] = time.time) -> Finding:
    """The newest calibration of a state folder: is it whole, how old is it."""
    from calibration.model import CalibrationError
    from calibration.store import load

    files = _newest_first(state_dir)
    if not files:
        return Finding("ok", "none yet: the rig makes one from its first covered frames")
    try:
        found = load(files[0])
    except CalibrationError as error:
        return Finding(
            "warn", str(error), "the rig sets it aside and makes a new one at its next start"
        )
    height, width = found.mean_adu.shape
    sensor = found.mode.get("sensor") or "unknown sensor"
    age_s = _age_s(found.created_utc, files[0], now_s())
    detail = (
        f"{found.id} of {sensor}, {width}×{height} px, {found.frames_used} frames, "
        f"{duration(max(age_s, 0.0))} old; {found.hot_px} hot and {found.masked_px} masked pixels, "
        f"{found.expected_false_triggers_per_hour:.2g} false triggers per hour expected"
    )
    data = {"calibration_id": found.id, "age_s": age_s, "path": str(files[0])}
    if age_s > _OLD_S:
        return Finding(
            "warn", detail, "sensors age: remove it, and the rig calibrates anew at its start", data
        )
    return Finding("ok", detail, data=data)


def _newest_first(state_dir: Path) -> list[Path]:
    try:
        found = [(path.stat().st_mtime, path) for path in (state_dir / _FOLDER).glob("*.npz")]
    except OSError:
        return []
    return [path for _, path in sorted(found, reverse=True)]


def _age_s(created_utc: str, path: Path, now_s: float) -> float:
    try:
        return now_s - datetime.fromisoformat(created_utc).timestamp()
    except ValueError:
        return now_s - path.stat().st_mtime
