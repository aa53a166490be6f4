"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_CPUINFO = Path("/proc/cpuinfo")
_PACKAGES = ("numpy", "numba", "opencv-python-headless")


def describe_machine() -> dict[str, Any]:
    """Processor, cores, load before the run, and versions of what computes."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_before": _load(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def machine_line(machine: dict[str, Any]) -> str:
    """The same in one line."""
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    load = "" if machine["load_before"] is None else f", load {machine['load_before']:.1f} before"
    return (
        f"{machine['processor']}, {machine['cores']} cores{load}; {machine['system']}, "
        f"Python {machine['python']}, {packages}"
    )


def _processor() -> str:
    try:
        lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    # ARM kernels name no model; the board's name stands in a line of its own.
    for key in ("model name", "Model"):
        for line in lines:
            if line.startswith(key):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
