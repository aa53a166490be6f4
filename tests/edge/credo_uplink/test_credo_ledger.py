"""The file that knows what was sent: how often it is asked, and one of an older version."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from edge.credo_uplink.ledger import Known, Ledger
from edge.credo_uplink.ledger_file import FILE_NAME, open_ledger
from tests.edge.credo_uplink.conftest import changed, exposure, hit
from tests.edge.credo_uplink.credo_server import CredoServer

Send = Callable[..., tuple[int, dict[str, Any], str]]
Rig = Callable[..., Path]


def made_by_the_first_version(path: Path) -> None:
    """Put a ledger back to what users of the first version have."""
    with changed(path) as db:
        db.execute(
            "CREATE TABLE kept (to_utc TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,"
            " PRIMARY KEY (to_utc, id)) WITHOUT ROWID"
        )
        db.execute("PRAGMA user_version = 1")


def test_of_what_is_settled_the_ledger_is_asked_once(
    credo: CredoServer, rig: Rig, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = rig([hit(seq) for seq in range(1, 11)], [exposure(20)])
    send("--state-dir", folder)
    asked: list[str] = []
    known = Ledger.known

    def counted(self: Ledger, digest: str) -> Known | None:
        asked.append(digest)
        return known(self, digest)

    monkeypatch.setattr(Ledger, "known", counted)
    _, summary, _ = send("--state-dir", folder)
    assert summary["already_sent"] == 11
    assert len(asked) == len(set(asked)) == 11


def test_a_ledger_of_the_first_version_goes_on(credo: CredoServer, rig: Rig, send: Send) -> None:
    folder = rig([hit(1), hit(2)], [exposure(3)])
    send("--state-dir", folder)
    made_by_the_first_version(folder / FILE_NAME)
    _, looked, _ = send("--state-dir", folder, "--dry-run")  # only read, and left as it is
    assert looked["already_sent"] == 3
    with changed(folder / FILE_NAME) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    rig([hit(4)])
    _, summary, _ = send("--state-dir", folder)
    assert (summary["sent"], summary["already_sent"]) == (1, 3)
    with changed(folder / FILE_NAME) as db:
        tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        assert tables == [("ledger",)]
        assert db.execute("PRAGMA user_version").fetchone() == (2,)


def test_several_runs_may_make_or_bring_forward_one_ledger_at_once(tmp_path: Path) -> None:
    def come(path: Path) -> int:
        with contextlib.closing(open_ledger(path)) as db:
            return int(db.execute("PRAGMA user_version").fetchone()[0])

    for number in range(10):
        path = tmp_path / f"{number}.sqlite"
        if number % 2:
            come(path)
            made_by_the_first_version(path)
        with ThreadPoolExecutor(4) as runs:
            assert set(runs.map(come, [path] * 4)) == {2}


def test_a_step_that_fails_leaves_the_old_tables(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    open_ledger(path).close()
    with changed(path) as db:  # says that it is old, and lacks what the step removes
        db.execute("PRAGMA user_version = 1")
    with pytest.raises(Exception, match="no such table: kept"):
        open_ledger(path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM ledger").fetchone() == (0,)
