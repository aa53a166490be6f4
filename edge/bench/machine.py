"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_CPUINFO = Path("/proc/cpuinfo")
_MEMINFO = Path("/proc/meminfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_UNKNOWN_CACHE_BYTES = 32 << 20
_PACKAGES = ("numpy", "numba", "opencv-python-headless")


def describe_machine() -> dict[str, Any]:
    """Processor, cores, load before the run, and versions of what computes."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cache_mb": round(cache_bytes() / 1e6, 1),
        "threads": 1,
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
        f"{machine['processor']}, {machine['cores']} cores, a single thread each{load}; "
        f"{machine['system']}, "
        f"Python {machine['python']}, {packages}"
    )


def cache_bytes() -> int:
    """Size of the processor's largest cache."""
    sizes = [_UNKNOWN_CACHE_BYTES * (not _CACHES.is_dir())]
    for place in _CACHES.glob("index*/size"):
        try:
            text = place.read_text(encoding="ascii").strip()
            sizes.append(int(text.rstrip("KM")) << {"K": 10, "M": 20}.get(text[-1:], 0))
        except (OSError, ValueError):
            continue
    return max(sizes) or _UNKNOWN_CACHE_BYTES


def spare_memory_bytes() -> int:
    """Memory that can be taken without anything being written out."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))


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
