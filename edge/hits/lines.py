"""The hits file of a replay: one JSON message a line."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from edge.errors import Failed
from edge.hits.query import Query
from edge.hits.record import Damage, StoredHit, parse_hit
from edge.messages import MAX_MESSAGE_BYTES, MessageError


class LinesReader:
    """Reads hits line by line, never the whole file.

    A line that can't be read is noted and passed over; a last line without its end is what a
    writer was stopped in, and is noted as cut short.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._damage = Damage()

    @property
    def place(self) -> str:
        """Path of the file."""
        return str(self._path)

    @property
    def damage(self) -> Damage:
        """Lines that the last pass could not read."""
        return self._damage

    def hits(self, query: Query) -> Iterator[StoredHit]:
        """Yield the hits of a query in the file's order; the newest are its last.

        Raises
        ------
        edge.errors.Failed
            The file can't be read, holds something else, or hits of a newer version.
        """
        wanted = (hit for hit in self._all() if query.matches(hit.message))
        if query.limit is None:
            yield from wanted
        else:
            yield from deque(wanted, maxlen=query.limit)

    def sensor_mode(self, calibration_id: str | None) -> None:
        """Nothing: a replay keeps no calibration."""

    def close(self) -> None:
        """Nothing stays open between passes."""

    def _all(self) -> Iterator[StoredHit]:
        self._damage, read = Damage(), 0
        try:
            with self._path.open("rb") as file:
                # A limit on the line: a file of another kind may have no line ends at all.
                limit = MAX_MESSAGE_BYTES + 2
                for number, line in enumerate(iter(lambda: file.readline(limit), b""), start=1):
                    hit = self._parse(line, number)
                    if hit is not None:
                        read += 1
                        yield hit
        except OSError as error:
            raise Failed(f"{self._path}: can't be read: {error.strerror or error}") from None
        if self._damage and not read:
            raise Failed(f"{self._path}: no hits file: {self._damage.first}")

    def _parse(self, line: bytes, number: int) -> StoredHit | None:
        if not line.strip():
            return None
        try:
            return parse_hit(line.rstrip(b"\r\n"), f"{self._path}, line {number}")
        except MessageError as error:
            cut = not line.endswith(b"\n") and len(line) <= MAX_MESSAGE_BYTES
            why = "cut short" if cut else str(error)
            self._damage = self._damage.and_one(f"line {number} is damaged ({why})")
            return None
