"""The seam between what is stored and what is shown or exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from edge.errors import Failed
from edge.hits.query import Query
from edge.hits.record import Damage, StoredHit


class HitReader(Protocol):
    """Hits of one place. Each call of `hits` reads anew: writers need two passes."""

    @property
    def place(self) -> str:
        """Where they lie, for messages to the user."""

    @property
    def damage(self) -> Damage:
        """What the last complete pass could not read."""

    def hits(self, query: Query) -> Iterator[StoredHit]:
        """Yield the hits of a query, oldest first."""

    def sensor_mode(self, calibration_id: str | None) -> Mapping[str, Any] | None:
        """How the sensor was read under a calibration, where that is still kept."""

    def close(self) -> None:
        """Give the file back; idempotent."""


def open_hits(path: Path) -> HitReader:
    """Open a rig's state folder, its archive, or a replay's hits file, for reading only.

    Raises
    ------
    edge.errors.Failed
        Nothing is there, or it is not what it should be.
    """
    from edge.delivery.database import FILE_NAME
    from edge.hits.archive import ArchiveReader
    from edge.hits.lines import LinesReader

    if path.is_dir():
        return ArchiveReader(path / FILE_NAME)
    if not path.exists():
        raise Failed(f"{path}: no such hits file or state folder")
    if _is_sqlite(path):
        return ArchiveReader(path)
    return LinesReader(path)


def find_hit(reader: HitReader, prefix: str) -> StoredHit:
    """Find the one hit whose id begins with `prefix`.

    Raises
    ------
    edge.errors.Failed
        There is none, or there are several.
    """
    wanted = prefix.strip().lower()
    found: dict[str, StoredHit] = {}
    if wanted:
        for hit in reader.hits(Query()):
            if hit.message.id.startswith(wanted):
                found[hit.message.id] = hit
    if not found:
        raise Failed(f"{reader.place}: no hit {prefix!r}; `cosmic-edge hits list` names them")
    if len(found) > 1:
        some = ", ".join(name[: len(wanted) + 4] for name in list(found)[:4])
        raise Failed(f"{reader.place}: {len(found)} hits begin with {prefix!r} ({some}, …)")
    return next(iter(found.values()))


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\x00"
    except OSError as error:
        raise Failed(f"{path}: can't be read: {error.strerror or error}") from None
