"""The computer: Python, packages, numba."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from calibration import kernel_cache
from calibration.kernel_files import SUFFIX
from edge.doctor.check import Finding

PACKAGES = ("numpy", "opencv-python-headless", "numba", "pydantic", "paho-mqtt", "rich", "typer")
_OLDEST, _NEWEST = (3, 11), (3, 13)


def versions() -> dict[str, str | None]:
    """Versions of what a rig runs on; None where a package is missing."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in ("cosmic-edge", *PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Python and the computer it runs on."""
    known = versions()
    machine = f"{platform.system()} {platform.release()} on {platform.machine()}"
    detail = (
        f"Python {'.'.join(str(part) for part in version)}, "
        f"numpy {known['numpy']}, OpenCV {known['opencv-python-headless']}, "
        f"{os.cpu_count() or 1} cores, {machine}"
    )
    if not _OLDEST <= version[:2] <= _NEWEST:
        wanted = f"{_OLDEST[0]}.{_OLDEST[1]} to {_NEWEST[0]}.{_NEWEST[1]}"
        return Finding("warn", detail, f"cosmic-edge is tested on Python {wanted}")
    return Finding("ok", detail)


def numba(
    load: Callable[[str], Any] = importlib.import_module, state_dir: Path | None = None
) -> Finding:
    """The compiler of the pixel loops; without it they run in NumPy."""
    try:
        module = load("numba")
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "numba"
        why = "numba is not installed" if missing else f"numba does not load: {error}"
        return Finding(
            "warn",
            f"{why}; frames are read by NumPy, with the same result but slower",
            "pip install numba, where there is one for this computer",
        )
    detail = f"numba {module.__version__}: frames are read by compiled loops"
    return _kept(detail, kernel_cache.choose(os.environ, () if state_dir is None else (state_dir,)))


def _kept(detail: str, place: kernel_cache.Place) -> Finding:
    """Whether a start finds the loops compiled."""
    if place.folder is None:
        advice = "a start takes seconds more; set NUMBA_CACHE_DIR to a folder that may be written"
        return Finding("warn", f"{detail}; {place.problem}", advice)
    kept = len(list(place.folder.glob(f"*{SUFFIX}")))
    data = {"folder": str(place.folder), "kernels": kept}
    if not kept:
        later = "none yet: the next start compiles them, or cosmic-edge warmup"
        return Finding("ok", f"{detail}, kept in {place.folder} ({later})", data=data)
    return Finding("ok", f"{detail}, {kept} of them kept in {place.folder}", data=data)
