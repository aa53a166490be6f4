"""A look at a rig's outbox from outside, also while the rig runs; nothing is changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge.delivery.database import FILE_NAME, RANKED_VERSION, DamagedFile, version_of
from edge.delivery.ranks import owed_by_kind
from edge.delivery.room import used_bytes
from edge.delivery.state import State
from edge.errors import Failed
from edge.hits.readonly import open_read_only


@dataclass(frozen=True, slots=True)
class OutboxSummary:
    """How a rig's outbox stands.

    Attributes
    ----------
    path : Path
        The file.
    rig, epoch : str
        Whose it is.
    session : int
        Number of its last start.
    owed : dict of str to int
        Messages not yet let go, by kind.
    set_aside : int
        Messages the broker would not take.
    used_bytes : int
        What the file holds.
    totals : dict of str to int
        Since the file began; see `OutboxCounts`.
    """

    path: Path
    rig: str
    epoch: str
    session: int
    owed: dict[str, int]
    set_aside: int
    used_bytes: int
    totals: dict[str, int]


def look_at_outbox(state_dir: Path) -> OutboxSummary | None:
    """Read how the outbox of a state folder stands; None where there is none yet.

    Raises
    ------
    edge.errors.Failed
        It is damaged, of a newer version, or can't be read.
    """
    path = state_dir / FILE_NAME
    if not path.exists():
        return None
    try:
        with closing(open_read_only(path)) as db:
            version = version_of(db, path)
            if version == 0:
                return None
            db.execute("BEGIN")  # one moment for all counts
            return _summary(db, path, version)
    except (sqlite3.DatabaseError, DamagedFile, UnicodeDecodeError) as error:
        raise Failed(
            f"outbox {path} can't be read: {error}; the rig's next start saves what it can"
        ) from None


def _summary(db: sqlite3.Connection, path: Path, version: int) -> OutboxSummary | None:
    state = State.load(db)
    if state is None:
        return None
    owed = owed_by_kind(db) if version >= RANKED_VERSION else _counted(db)
    aside = db.execute("SELECT count(*) FROM set_aside").fetchone()[0]
    return OutboxSummary(
        path=path,
        rig=state.rig,
        epoch=state.epoch,
        session=state.session,
        owed=owed,
        set_aside=int(aside),
        used_bytes=used_bytes(db),
        totals=dict(state.counters),
    )


def _counted(db: sqlite3.Connection) -> dict[str, int]:
    return dict(db.execute("SELECT kind, count(*) FROM outbox GROUP BY kind").fetchall())
