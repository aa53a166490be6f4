"""Calibrations of a rig, kept in its state folder and found again at the next start."""

from __future__ import annotations

import hashlib
import json
import logging
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from calibration.model import Calibration, CalibrationError
from calibration.store import PART, load, save
from edge.background import in_background
from edge.config.model import Config
from edge.errors import BadUse
from edge.frame import SensorMode
from edge.presets.calibrated import mismatch

_KEPT = 8
_log = logging.getLogger(__name__)


class Shelf:
    """Folder of calibrations, which one process at a time writes to.

    Parameters
    ----------
    folder : Path
        ``calibrations`` in the state folder.
    config : Config
        A calibration made for other thresholds is not found.
    """

    def __init__(self, folder: Path, config: Config) -> None:
        self._folder = folder
        self._config = config
        self._prefix = _request_hash(config)
        self._ahead: tuple[Path, Future[Calibration | None]] | None = None
        self._clear_away()

    @property
    def folder(self) -> Path:
        """Where they are kept."""
        return self._folder

    def read_ahead(self) -> None:
        """Begin to read the newest in a thread: it takes 0.1 to 1 s, and is most likely wanted."""
        newest = self._newest_first()[:1] if self._config.calibration.reuse else []
        if newest:
            path = newest[0]
            self._ahead = path, in_background(lambda: self._load(path), "shelf")

    def find(self, mode: SensorMode, temperature_c: float | None) -> Calibration | None:
        """Newest calibration of this mode and about this temperature; None: calibrate anew."""
        if not self._config.calibration.reuse:
            return None
        for path in self._newest_first():
            known = self._read(path)
            if known is None or mismatch(known, mode) is not None:
                continue
            if self._is_near(known.temperature_c, temperature_c):
                return known
        return None

    def keep(self, calibration: Calibration) -> None:
        """Write one; a disk that does not take it costs a calibration at the next start."""
        try:
            save(calibration, self._folder / f"{self._prefix}-{calibration.id}.npz")
            for old in self._newest_first()[_KEPT:]:
                old.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("calibration not kept: %s: %s", self._folder, error.strerror)

    def _clear_away(self) -> None:
        """Remove what a process that was ended amid writing left behind."""
        try:
            for part in self._folder.glob(f"*{PART}"):
                part.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s: can't be tidied: %s", self._folder, error.strerror)

    def _newest_first(self) -> list[Path]:
        try:
            files = [(p.stat().st_mtime, p) for p in self._folder.glob(f"{self._prefix}-*.npz")]
        except OSError:
            return []
        return [path for _, path in sorted(files, reverse=True)]

    def _read(self, path: Path) -> Calibration | None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == path:
            return ahead[1].result()
        return self._load(path)

    def _load(self, path: Path) -> Calibration | None:
        try:
            return load(path)
        except CalibrationError as error:
            _log.warning("%s (set aside)", error)
            try:
                path.rename(path.with_suffix(".damaged"))
            except OSError:
                _log.warning("%s can't be set aside", path)
            return None

    def _is_near(self, made_at_c: float | None, now_c: float | None) -> bool:
        if made_at_c is None or now_c is None:
            return True
        return abs(made_at_c - now_c) <= self._config.calibration.temperature_tolerance_c


def _request_hash(config: Config) -> str:
    wanted: dict[str, Any] = {
        "false_triggers_per_hour": config.calibration.false_triggers_per_hour,
        "frames": config.calibration.frames,
        "seed_sigma": config.trigger.seed_sigma,
        "growth_sigma": config.trigger.growth_sigma,
        "cover": config.cover.model_dump(),
    }
    if config.calibration.defects_file is not None:
        wanted["defects"] = _content(config.calibration.defects_file)
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:8]


def _content(path: Path) -> str:
    """Hash of a list of defects: another list is another calibration."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadUse(f"{path}: can't be read ({error.strerror or error})") from None
