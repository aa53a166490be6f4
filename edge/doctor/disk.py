"""The state folder: can it be written, is there room, does SQLite's log work there."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from edge.display.units import size
from edge.doctor.check import Finding

LEAST_FREE_BYTES = 50_000_000
"""With less than this nothing is safe: logs and updates take it any day."""


def disk(
    state_dir: Path,
    wanted_bytes: int,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Finding:
    """Look at the disk of a state folder, which need not be there yet.

    Parameters
    ----------
    state_dir : Path
        The folder; nothing stays behind in it.
    wanted_bytes : int
        What the outbox may grow to.
    free_bytes : callable
        Free space of a folder's disk.
    """
    folder = state_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return Finding("fail", f"{folder} is no folder", "choose another with --state-dir")
    problem = _unwritable(folder)
    if problem:
        return Finding(
            "fail", f"{folder}: {problem}", "choose another with --state-dir, or mend its rights"
        )
    free = free_bytes(folder)
    new = "" if folder == state_dir else " (will be made)"
    detail = f"{state_dir}{new}: can be written, {size(free)} free"
    data = {"free_bytes": free, "path": str(state_dir)}
    if free < LEAST_FREE_BYTES:
        return Finding("fail", detail, "free some space: hits can't be kept safely", data)
    if free < wanted_bytes:
        return Finding(
            "warn",
            detail,
            f"the outbox may grow to {size(wanted_bytes)}: free some space or lower "
            "[outbox] max_bytes",
            data,
        )
    return Finding("ok", detail, data=data)


def _unwritable(folder: Path) -> str:
    """Why nothing can be kept there; "" where SQLite works as the outbox uses it."""
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as probe:
            path = Path(probe) / "probe.sqlite"
            with closing(sqlite3.connect(path, isolation_level=None)) as database:
                mode = database.execute("PRAGMA journal_mode = WAL").fetchone()[0]
                database.execute("PRAGMA synchronous = FULL")
                database.execute("CREATE TABLE probe (a)")
                database.execute("INSERT INTO probe VALUES (zeroblob(100000))")
    except OSError as error:
        return f"can't be written ({error.strerror or error})"
    except sqlite3.Error as error:
        return f"SQLite can't write there ({error})"
    if mode != "wal":
        return "SQLite's write-ahead log does not work there (a network disk?)"
    return ""
