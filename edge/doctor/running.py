"""Whose state folder is it, and does a rig run on it: asked without touching its lock."""

from __future__ import annotations

from pathlib import Path

from edge.delivery.folder import LOCK_NAME
from edge.delivery.inspect import look_at_outbox
from edge.errors import Failed

_LOCKS = Path("/proc/locks")


def rig_runs(state_dir: Path, locks: Path = _LOCKS) -> bool:
    """Tell whether a process holds the folder; False where the kernel does not say.

    Taking the lock to find out would make a rig fail that starts at that moment.
    """
    try:
        wanted = (state_dir / LOCK_NAME).stat().st_ino
        lines = locks.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    # "3: FLOCK  ADVISORY  WRITE 4711 08:01:131073 0 EOF"
    return any(
        "FLOCK" in line and field.rsplit(":", 1)[-1] == str(wanted)
        for line in lines
        for field in line.split()
        if field.count(":") == 2
    )


def rig_of(state_dir: Path) -> str | None:
    """Name of the rig whose outbox lies in the folder; None where none does, or it is damaged."""
    try:
        summary = look_at_outbox(state_dir)
    except (Failed, OSError):
        return None
    return None if summary is None else summary.rig
