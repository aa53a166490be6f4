"""A calibration as one file: ``.npz`` with its maps and a JSON header, checked when read."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.cluster import ClusterRule
from calibration.cover import CoverRule
from calibration.model import LATER_MAPS, MAPS, Calibration, CalibrationError

SCHEMA = 2
PART = ".part"
"""How the name of a file ends that is being written."""

_ZIP = b"PK\x03\x04"
_SCALARS = (
    "id",
    "mode",
    "frames_used",
    "level_adu",
    "noise_adu",
    "seed_sigma",
    "growth_sigma",
    "tail_stretch",
    "expected_false_triggers_per_hour",
    "temperature_c",
    "created_utc",
)
_LATER_SCALARS = ("reference_mean_adu", "neighbour_correlation")
"""What files of older versions lack."""


def save(calibration: Calibration, path: Path) -> None:
    """Write to `path` in one step: a reader sees the old file or the new one.

    Raises
    ------
    OSError
        The folder can't be written or the disk is full; no half file is left.
    """
    maps = {name: getattr(calibration, name) for name in MAPS}
    later = {name: getattr(calibration, name) for name in LATER_MAPS}
    maps |= {name: values for name, values in later.items() if values is not None}
    header: dict[str, Any] = {
        name: getattr(calibration, name) for name in _SCALARS + _LATER_SCALARS
    }
    header |= {"schema": SCHEMA, "cover": asdict(calibration.cover), "digest": _digest(maps)}
    header["cluster"] = None if calibration.cluster is None else asdict(calibration.cluster)
    text = np.frombuffer(json.dumps(header, sort_keys=True).encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, header=text, **maps)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:  # out of memory, Ctrl-C: whatever it is, no half file is left
        part.unlink(missing_ok=True)
        raise


def load(path: Path) -> Calibration:
    """Read a calibration; raises `CalibrationError` with one line for whatever is wrong."""
    try:
        with path.open("rb") as opened:
            # Anything else NumPy would read as an array, however large it is.
            if opened.read(len(_ZIP)) != _ZIP:
                raise ValueError("no archive")
            opened.seek(0)
            with np.load(opened, allow_pickle=False) as file:
                return _read(path, file)
    except FileNotFoundError:
        raise CalibrationError(f"{path}: no such calibration") from None
    except CalibrationError:
        raise
    except OSError as error:
        raise CalibrationError(f"{path}: can't be read ({error.strerror or error})") from None
    except Exception:  # zipfile, zlib, json and NumPy raise whatever they stumble over
        raise CalibrationError(
            f"{path}: not a calibration, or a damaged one; calibrate again"
        ) from None


def _read(path: Path, file: Any) -> Calibration:
    header = json.loads(bytes(file["header"]))
    if header.get("schema", 0) > SCHEMA:
        raise CalibrationError(
            f"{path}: calibration of a newer version ({header['schema']}, this program "
            f"reads up to {SCHEMA}); update cosmic-edge or calibrate again"
        )
    maps = {name: file[name] for name in MAPS}
    maps |= {name: file[name] for name in LATER_MAPS if name in file}
    if header["digest"] != _digest(maps):
        raise CalibrationError(f"{path}: damaged calibration (checksum); calibrate again")
    scalars = {name: header[name] for name in _SCALARS}
    scalars |= {name: header[name] for name in _LATER_SCALARS if name in header}
    if header.get("cluster") is not None:
        scalars["cluster"] = ClusterRule(**header["cluster"])
    return Calibration(cover=CoverRule(**header["cover"]), **maps, **scalars)


def _digest(maps: dict[str, NDArray[Any]]) -> str:
    hasher = hashlib.sha256()
    for name in (name for name in MAPS + LATER_MAPS if name in maps):
        array = np.ascontiguousarray(maps[name])
        hasher.update(f"{name}{array.dtype}{array.shape}".encode())
        hasher.update(array.data)
    return hasher.hexdigest()
