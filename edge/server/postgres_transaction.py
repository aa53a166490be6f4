"""A batch in PostgreSQL: few round trips, whatever its size."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from edge.server.arrival import Former, Key
from edge.server.let_go import declare, give_way
from edge.server.partitions import PARTITIONED, Month, Months, month_of
from edge.server.postgres_connection import Connected, asker, unstorable
from edge.server.postgres_rows import row_for, type_of
from edge.server.postgres_watermark import reach
from edge.server.quarantine import trim
from edge.server.transaction import Aside, Entry, Kept, Loss, Owner


class PostgresTransaction:
    """See `edge.server.transaction.Transaction`.

    Parameters
    ----------
    connection : psycopg.Connection
        In a transaction.
    months : Months
        Partitions known to be there; what this transaction makes is in `made`.
    """

    def __init__(self, connection: Connected, months: Months) -> None:
        self._connection = connection
        self._months = months
        self._now = datetime.now(UTC)
        self._rigs: dict[Owner, tuple[int, int]] = {}
        self._unheard: set[Owner] = set()
        self.made: set[Month] = set()

    def lock(self, owners: Collection[Owner]) -> None:
        """Hold the rows of these rigs; all collectors take them in the same order."""
        if not owners:
            return
        wanted = sorted(owners)
        names = [one.rig for one in wanted], [one.epoch for one in wanted]
        self._hold(names)
        if len(self._rigs) < len(wanted):
            made = self._connection.execute(
                "INSERT INTO rigs (rig, epoch, floor_high, upto)"
                " SELECT rig, epoch, 1, 0 FROM unnest(%s::text[], %s::text[])"
                ' AS new (rig, epoch) ORDER BY rig COLLATE "C", epoch COLLATE "C"'
                " ON CONFLICT DO NOTHING RETURNING rig, epoch",
                names,
            )
            # Not those another collector made meanwhile.
            self._unheard = {Owner(str(rig), str(epoch)) for rig, epoch in made.fetchall()}
            self._hold(names)

    def _hold(self, names: tuple[list[str], list[str]]) -> None:
        rows = self._connection.execute(
            "SELECT rig, epoch, floor_high, upto FROM rigs"
            " WHERE (rig, epoch) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
            ' ORDER BY rig COLLATE "C", epoch COLLATE "C" FOR UPDATE',
            names,
        )
        self._rigs = {Owner(str(r), str(e)): (int(f), int(u)) for r, e, f, u in _any(rows)}

    def digests(self, keys: Collection[Key]) -> dict[Key, str]:
        """Return the content's digest of each key that is settled."""
        return self._digests("ledger", keys)

    def formers(self, keys: Collection[Key]) -> dict[Key, str]:
        """Return, of keys that messages had before they came, the digest under that key."""
        return self._digests("former_keys", keys)

    def _digests(self, table: str, keys: Collection[Key]) -> dict[Key, str]:
        if not keys:
            return {}
        rows = self._connection.execute(
            f"SELECT rig, epoch, seq, digest FROM {table}"  # noqa: S608 - our own names
            " JOIN unnest(%s::text[], %s::text[], %s::bigint[]) AS asked (rig, epoch, seq)"
            " USING (rig, epoch, seq)",
            ([one.rig for one in keys], [one.epoch for one in keys], [one.seq for one in keys]),
        )
        return {Key(rig, epoch, seq): digest for rig, epoch, seq, digest in _any(rows)}

    def keep(self, messages: Sequence[Kept]) -> dict[Key, str]:
        """Store messages; return, by key, why one can't be held."""
        tables: dict[str, list[tuple[Key, dict[str, Any]]]] = {}
        refused: dict[Key, str] = {}
        for one in messages:
            try:
                table, columns = row_for(one, self._now)
            except (ValueError, OverflowError) as error:
                refused[one.key] = f"{type(error).__name__}: {error}"
            else:
                tables.setdefault(table, []).append((one.key, columns))
        self._make_room(tables)
        for table in sorted(tables):
            refused |= self._copy(table, tables[table])
        return refused

    def enter(self, entries: Sequence[Entry]) -> None:
        """Write keys into the ledger."""
        if not entries:
            return
        with (
            self._connection.cursor() as cursor,
            cursor.copy(
                "COPY ledger (rig, epoch, seq, kind, digest) FROM STDIN (FORMAT BINARY)"
            ) as copy,
        ):
            copy.set_types(["text", "text", "int8", "text", "text"])
            for one in entries:
                copy.write_row((*_ids(one.key), one.kind, one.digest))

    def remember(self, former: Sequence[Former]) -> None:
        """Note the keys that stored messages had before."""
        if not former:
            return
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO former_keys VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [(*_ids(one.key), one.digest) for one in former],
            )

    def declare_lost(self, losses: Sequence[Loss]) -> None:
        """Remember ranges."""
        if not losses:
            return
        give_way(asker(self._connection), losses)
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO lost_ranges VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [
                    (one.owner.rig, one.owner.epoch, one.first_seq, one.last_seq, one.reason)
                    for one in losses
                ],
            )

    def last_held(self, marks: Mapping[Owner, int]) -> dict[Owner, tuple[int, str]]:
        """Return the last settled key up to each mark, and its content's digest."""
        if not marks:
            return {}
        rows = self._connection.execute(
            "SELECT asked.rig, asked.epoch, held.seq, held.digest"
            " FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS asked (rig, epoch, upto)"
            " CROSS JOIN LATERAL (SELECT seq, digest FROM ledger"
            " WHERE ledger.rig = asked.rig AND ledger.epoch = asked.epoch AND seq <= asked.upto"
            " ORDER BY seq DESC LIMIT 1) AS held",
            ([one.rig for one in marks], [one.epoch for one in marks], list(marks.values())),
        )
        return {Owner(r, e): (int(seq), digest) for r, e, seq, digest in _any(rows)}

    def put_aside(self, things: Sequence[Aside]) -> None:
        """Put into the quarantine, in an order that is the same for all collectors."""
        if not things:
            return
        rows = [
            (
                *(one.reason, one.detail, one.topic),
                *((None, None, None) if one.key is None else _ids(one.key)),
                *(self._now, one.digest, one.payload, one.was or None),
            )
            for one in sorted(things, key=lambda one: (one.topic, one.reason, one.digest))
        ]
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO quarantine (reason, detail, topic, rig, epoch, seq, received_utc,"
                " digest, payload, was) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (md5(topic), reason, digest)"
                " DO UPDATE SET times = quarantine.times + 1,"
                " was = coalesce(quarantine.was, excluded.was)",
                rows,
            )
        if any(one.key is None for one in things):
            trim(asker(self._connection))

    def advance(self, floors: Mapping[Owner, int]) -> dict[Owner, int]:
        """Bring watermarks forward by all that is settled."""
        self._forget(self._unheard - floors.keys())
        if not floors:
            return {}
        highest = {one: max(floor, self._rigs[one][0]) for one, floor in floors.items()}
        starts = {one: max(self._rigs[one][1], floor - 1) for one, floor in highest.items()}
        for one, start in starts.items():
            if start > (before := self._rigs[one][1]):
                declare(asker(self._connection), one, before + 1, start)
        marks = reach(self._connection, starts)
        self._connection.execute(
            "UPDATE rigs SET floor_high = new.floor, upto = new.upto, seen_utc = %s"
            " FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[])"
            " AS new (rig, epoch, floor, upto)"
            " WHERE rigs.rig = new.rig AND rigs.epoch = new.epoch",
            (
                self._now,
                [one.rig for one in marks],
                [one.epoch for one in marks],
                [highest[one] for one in marks],
                list(marks.values()),
            ),
        )
        return marks

    def _forget(self, owners: Collection[Owner]) -> None:
        """Remove rows that were made to be held: nothing came of epochs that were only named."""
        if owners:
            self._connection.execute(
                "DELETE FROM rigs WHERE (rig, epoch) IN"
                " (SELECT * FROM unnest(%s::text[], %s::text[]))",
                ([one.rig for one in owners], [one.epoch for one in owners]),
            )

    def _make_room(self, tables: Mapping[str, Sequence[tuple[Key, dict[str, Any]]]]) -> None:
        wanted = {
            month
            for table, column in PARTITIONED.items()
            for _, columns in tables.get(table, ())
            if (month := month_of(table, columns[column], self._now)) is not None
        }
        self.made = self._months.make(self._connection, wanted)

    def _copy(self, table: str, rows: Sequence[tuple[Key, dict[str, Any]]]) -> dict[Key, str]:
        """Store all at once; where one of them can't be held, each by itself."""
        try:
            with self._connection.transaction():
                self._write(table, [columns for _, columns in rows])
        except (psycopg.Error, UnicodeError, OverflowError) as error:
            if not unstorable(error):
                raise
            if len(rows) == 1:
                said = getattr(getattr(error, "diag", None), "message_primary", None) or error
                return {rows[0][0]: f"{type(error).__name__}: {said}"}
        else:
            return {}
        half = len(rows) // 2
        return self._copy(table, rows[:half]) | self._copy(table, rows[half:])

    def _write(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        names = list(rows[0])
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
        )
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([type_of(name) for name in names])
            for row in rows:
                copy.write_row(tuple(row.values()))


def _ids(key: Key) -> tuple[str, str, int]:
    return key.rig, key.epoch, key.seq


def _any(rows: Any) -> Any:
    """Rows whose columns the statement vouches for."""
    return rows
