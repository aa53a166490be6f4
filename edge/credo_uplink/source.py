"""Hits and exposure records of rigs, wherever they lie: state folders, archives, hits files."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.clock import read_boot_id
from edge.credo_uplink.collected import CollectedReader, is_collected
from edge.credo_uplink.items import HowSettled, Offer, nothing_is_settled, offer_hit, offer_ping
from edge.delivery.database import FILE_NAME
from edge.errors import Failed
from edge.hitfile import exposure_path
from edge.hits.query import Query
from edge.hits.reader import HitReader, open_hits
from edge.hits.readonly import open_read_only, read_fault
from edge.hits.record import Damage
from edge.messages import MAX_MESSAGE_BYTES, ExposureMessage, MessageError, parse_message

_OWED = "SELECT seq, body FROM outbox WHERE kind = 'exposure' AND seq > ? ORDER BY seq LIMIT 256"
_DELIVERED = "SELECT id, body FROM delivered WHERE id > ? ORDER BY id LIMIT 256"
_HAS_DELIVERED = "SELECT 1 FROM sqlite_master WHERE name = 'delivered'"


class Source:
    """What there is to send, pings first.

    CREDO's server shows the hits of a user only after the first ping with an on time.

    Parameters
    ----------
    places : sequence of Path
        State folders, archives (``rig.sqlite``), collectors' SQLite databases or hits files. A
        rig's exposure records lie in its outbox until its own server has them, and for some weeks
        after that in a table of their own; those of a hits file lie beside it.
    query : Query
        Which hits; of pings the rig and the time are looked at.
    pings : bool
        False: hits alone.
    """

    def __init__(self, places: Sequence[Path], query: Query, *, pings: bool = True) -> None:
        self._places = places
        self._query = query
        self._pings = pings
        self._damage = Damage()

    @property
    def damage(self) -> Damage:
        """What the last pass could not read."""
        return self._damage

    def offers(self, how_settled: HowSettled = nothing_is_settled) -> Iterator[Offer]:
        """Yield all there is, real or not.

        Parameters
        ----------
        how_settled : callable
            Spares the making of what needs no more.

        Raises
        ------
        edge.errors.Failed
            A place can't be read.
        """
        self._damage = Damage()
        if self._pings:
            for place in self._places:
                for record in self._exposures(place):
                    yield offer_ping(record, how_settled)
        for place in self._places:
            yield from self._hits(place, how_settled)

    def _hits(self, place: Path, how_settled: HowSettled) -> Iterator[Offer]:
        reader: HitReader
        reader = CollectedReader(place) if _is_fleet(place) else open_hits(place)
        with contextlib.closing(reader):
            this_boot = read_boot_id()
            for hit in reader.hits(self._query):
                undated = hit.message.clock == "unsynced" and hit.message.boot_id == this_boot
                if undated and this_boot is not None and hit.delivered is False:
                    continue  # as `_may_be_dated` says
                mode = reader.sensor_mode(hit.message.provenance.calibration_id)
                yield offer_hit(hit, mode, how_settled)
            self._add(reader.damage)

    def _exposures(self, place: Path) -> Iterator[ExposureMessage]:
        for name, payload in self._payloads(place):
            try:
                message = parse_message(payload)
            except MessageError as error:
                self._add(Damage(1, f"{name} is damaged ({error})"))
                continue
            if isinstance(message, ExposureMessage) and self._wanted(message):
                yield message

    def _wanted(self, record: ExposureMessage) -> bool:
        query = self._query
        late_enough = query.since_utc is None or record.to_utc >= query.since_utc
        return late_enough and query.rig in (None, record.rig)

    def _payloads(self, place: Path) -> Iterator[tuple[str, bytes]]:
        if _is_fleet(place):
            with contextlib.closing(CollectedReader(place)) as reader:
                yield from reader.exposures(self._query)
            return
        database = place / FILE_NAME if place.is_dir() else place
        if _is_sqlite(database):
            yield from _from_rig(database)
        elif not place.is_dir():
            yield from _from_lines(exposure_path(place))

    def _add(self, damage: Damage) -> None:
        if damage:
            first = self._damage.first or damage.first
            self._damage = Damage(self._damage.count + damage.count, first)


def _may_be_dated(owed: bytes, this_boot: str | None) -> bool:
    """Whether a message was made in this boot before the clock was known, and may still be dated.

    It would be sent twice, the second time with the right time.
    """
    return this_boot is not None and b'"unsynced"' in owed and this_boot.encode() in owed


def ledger_folder(places: Sequence[Path], otherwise: Path) -> Path:
    """Folder in which the ledger of a source belongs: that of its database, if it is one."""
    if len(places) != 1:
        return otherwise
    if places[0].is_dir():
        return places[0]
    return places[0].parent if _is_sqlite(places[0]) else otherwise


def _is_fleet(place: Path) -> bool:
    return _is_sqlite(place) and is_collected(place)


def _is_sqlite(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\x00"
    except OSError as error:
        raise Failed(f"{path}: can't be read: {error.strerror or error}") from None


def _from_rig(path: Path) -> Iterator[tuple[str, bytes]]:
    """Delivered records, then those that are owed; what is let go meanwhile is for the next run."""
    with contextlib.closing(open_read_only(path)) as database:
        try:
            if database.execute(_HAS_DELIVERED).fetchone() is not None:  # not before version 2
                yield from _rows(database, _DELIVERED, f"{path}, delivered record")
            this_boot = read_boot_id()
            for name, payload in _rows(database, _OWED, f"{path}, exposure record"):
                if not _may_be_dated(payload, this_boot):
                    yield name, payload
        except sqlite3.Error as error:
            raise read_fault(path, error) from None


def _rows(database: sqlite3.Connection, portion: str, name: str) -> Iterator[tuple[str, bytes]]:
    """In portions: a long look must not keep the rig from tidying its log."""
    number = 0
    while rows := database.execute(portion, (number,)).fetchall():
        for number, body in rows:
            payload = body if isinstance(body, bytes) else str(body).encode("utf-8", "replace")
            yield f"{name} {number}", payload


def _from_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    if not path.is_file():
        return
    limit = MAX_MESSAGE_BYTES + 2
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(limit), b""), start=1):
                if line.strip():
                    yield f"{path}, line {number}", line.rstrip(b"\r\n")
    except OSError as error:
        raise Failed(f"{path}: can't be read: {error.strerror or error}") from None
