"""The outbox: what is owed, since when, and what went wrong with it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from edge.delivery.database import FILE_NAME
from edge.delivery.inspect import OutboxSummary, look_at_outbox
from edge.display.units import duration, size
from edge.doctor.check import Finding
from edge.errors import Failed
from edge.hits.readonly import open_read_only, read_fault
from edge.messages import parse_utc_ns

_LATE_S = 3600.0
_CHECK_BUDGET_S = 3.0
_STEPS_BETWEEN_LOOKS = 10_000
_TIMES = ("time_utc", "to_utc", "created_utc")


def outbox(
    state_dir: Path, rig: str | None = None, now_ns: Callable[[], int] = time.time_ns
) -> Finding:
    """Look at a state folder's outbox without changing it, also while the rig runs.

    Parameters
    ----------
    state_dir : Path
    rig : str, optional
        Name the configuration gives; another one in the folder would stop the rig.
    now_ns : callable
        Unix time in ns.
    """
    aside = len(_damaged_files(state_dir))
    summary = look_at_outbox(state_dir)
    if summary is None:
        data: dict[str, Any] = {"owed": 0, "oldest_age_s": None, "set_aside": 0}
        return _judge("none yet: made at the first start", {**data, "damaged_files": aside}, "")
    data = {
        "rig": summary.rig,
        "epoch": summary.epoch,
        "session": summary.session,
        "owed": sum(summary.owed.values()),
        "owed_by_kind": summary.owed,
        "set_aside": summary.set_aside,
        "used_bytes": summary.used_bytes,
        "totals": summary.totals,
        "damaged_files": aside,
    }
    more, reason = _look_closer(summary, now_ns())
    data |= more
    if rig is not None and summary.rig != rig:
        return Finding(
            "fail",
            f"{state_dir} belongs to rig {summary.rig!r}, the configuration says {rig!r}",
            "use that name, or another --state-dir",
            data,
        )
    return _judge(_described(data), data, reason)


def _look_closer(summary: OutboxSummary, now_ns: int) -> tuple[dict[str, Any], str]:
    """Oldest message owed, and why one was set aside; fails where the file is damaged."""
    try:
        with closing(open_read_only(summary.path)) as database:
            oldest_utc = _oldest(database, summary.epoch)
            reason = database.execute("SELECT max(reason) FROM set_aside").fetchone()[0]
            damage = _damage(database)
    except sqlite3.Error as error:
        raise read_fault(summary.path, error) from None
    if damage:
        raise Failed(f"{summary.path}: damaged ({damage})")
    age_s = None if oldest_utc is None else _age_s(oldest_utc, now_ns)
    return {"oldest_utc": oldest_utc, "oldest_age_s": age_s}, str(reason or "")


def _judge(detail: str, data: dict[str, Any], reason: str) -> Finding:
    age_s = data["oldest_age_s"]
    given_up = _given_up(data.get("totals", {}))
    if data["damaged_files"]:
        return Finding(
            "warn",
            f"{detail}; {data['damaged_files']} damaged files were set aside",
            f"what could be read was saved; look at the disk, then remove {FILE_NAME}.damaged-*",
            data,
        )
    if data["set_aside"]:
        why = f" ({reason})" if reason else ""
        return Finding(
            "warn",
            f"{detail}; {data['set_aside']} messages were refused and set aside{why}",
            "look at the broker's and the server's log: they were declared lost",
            data,
        )
    if age_s is not None and age_s > _LATE_S:
        return Finding(
            "warn",
            f"{detail}{given_up and '; ' + given_up}",
            ("" if given_up else "nothing is lost, but ")
            + "nobody confirms: is the broker reached, does the server run?"
            + (" [outbox] max_bytes and max_days say how much is kept" if given_up else ""),
            data,
        )
    return Finding("ok", detail, data=data)


def _given_up(totals: dict[str, int]) -> str:
    """What was lost since the file began; "" where nothing was."""
    lost, pictures = totals.get("lost", 0), totals.get("pictures_dropped", 0)
    parts = [f"{lost} messages were given up"] * bool(lost)
    parts += [f"{pictures} hits gave up their pictures"] * bool(pictures)
    return ", ".join(parts)


def _oldest(database: sqlite3.Connection, epoch: str) -> str | None:
    row = database.execute(
        "SELECT coalesce(outbox.body, archive.body) FROM outbox LEFT JOIN archive "
        "ON archive.epoch = ? AND archive.seq = outbox.seq ORDER BY outbox.seq LIMIT 1",
        (epoch,),
    ).fetchone()
    try:
        message = json.loads(row[0]) if row else {}
        return next((message[name] for name in _TIMES if name in message), None)
    except (TypeError, ValueError):
        return None


def _age_s(text: str, now_ns: int) -> float | None:
    try:
        return (now_ns - parse_utc_ns(text)) * 1e-9
    except (TypeError, ValueError):
        return None


def _damage(database: sqlite3.Connection) -> str:
    """SQLite's own word on the file; "" where it is sound, or too large to be read in time."""
    deadline = time.monotonic() + _CHECK_BUDGET_S
    database.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
    try:
        verdict = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError:  # interrupted: out of time
        return ""
    finally:
        database.set_progress_handler(None, 0)
    return "" if verdict == "ok" else " ".join(verdict.split())


def _described(data: dict[str, Any]) -> str:
    held = f"{size(data['used_bytes'])} on disk"
    if not data["owed"]:
        return f"nothing owed, {held}"
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(data["owed_by_kind"].items()))
    age_s = data["oldest_age_s"]
    since = "" if age_s is None else f", the oldest of {duration(max(age_s, 0.0))} ago"
    return f"{data['owed']} messages owed ({kinds}){since}; {held}"


def _damaged_files(state_dir: Path) -> list[Path]:
    suffixes = ("-wal", "-shm")
    found = state_dir.glob(f"{FILE_NAME}.damaged-*")
    return [path for path in found if not path.name.endswith(suffixes)]
