"""A collector's database as one file, and back.

A backup is made while collectors store, and shows one moment. It is restored into an empty place
only: nothing that is there is ever overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.errors import BadUse, Failed
from edge.server.private_file import growing
from edge.server.store import is_postgres, open_store, sqlite_path


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written.

    Attributes
    ----------
    path : Path
        The file.
    schema : int
        Version of the tables in it.
    size_bytes : int
    """

    path: Path
    schema: int
    size_bytes: int


def back_up(url: str, path: Path) -> Backup:
    """Write the whole database to a new file, which only its owner can read.

    Tables of an older version are left as they are. In PostgreSQL, this month's and the next one's
    are made if they are missing.

    Parameters
    ----------
    url : str
        As `edge.server.store.open_store` takes it.
    path : Path
        The file; there must be none.

    Raises
    ------
    edge.errors.BadUse
        There is such a file, or no database of this kind.
    edge.errors.Failed
        It is no collector's database, can't be read, or the file can't be written.
    """
    if path.exists():
        raise BadUse(f"{path} is there already: name a new file")
    with growing(path) as part:
        if is_postgres(url):
            from edge.server.postgres_backup import dump

            schema = dump(url, part)
        else:
            from edge.server.sqlite_backup import copy_out

            schema = copy_out(sqlite_path(url), part)
    return Backup(path, schema, path.stat().st_size)


def restore(url: str, path: Path) -> None:
    """Bring a backup into an empty place, and its tables to this version.

    Parameters
    ----------
    url : str
        A SQLite file that is not there, or an empty database of PostgreSQL.
    path : Path
        What `back_up` wrote, of the same engine.

    Raises
    ------
    edge.errors.Failed
        The place is not empty; the file is no backup, damaged, or of a newer version. Nothing was
        changed.
    """
    if not path.is_file():
        raise Failed(f"{path}: there is no such file")
    if is_postgres(url):
        from edge.server.postgres_backup import load

        load(url, path)
    else:
        from edge.server.sqlite_backup import copy_in

        copy_in(path, sqlite_path(url))
    try:
        open_store(url, make=False).close()
    except Failed as error:
        raise Failed(
            f"{path} is restored, but its tables were not looked at: {error}; do not restore again"
        ) from None
