"""The rule of `edge.server.watermark` inside PostgreSQL, for many rigs at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.server.postgres_connection import Connected
from edge.server.transaction import Owner

_STRIDE = 2000
# From `base` on: how far the ledger goes without a gap, `_STRIDE` numbers at most, and from
# there how far a declared loss leads. The first EXISTS spares the look behind a gap, which a rig
# may leave open for long.
_STEP = """
SELECT asked.n, kept.upto, kept.upto = asked.base + %(stride)s,
    (SELECT max(last_seq) FROM lost_ranges AS gone
     WHERE gone.rig = asked.rig AND gone.epoch = asked.epoch
     AND gone.first_seq <= kept.upto + 1 AND gone.last_seq > kept.upto)
FROM unnest(%(rigs)s::text[], %(epochs)s::text[], %(bases)s::bigint[])
    WITH ORDINALITY AS asked (rig, epoch, base, n)
CROSS JOIN LATERAL (
    SELECT coalesce(max(seq), asked.base) AS upto FROM (
        SELECT seq, row_number() OVER (ORDER BY seq) AS place FROM (
            SELECT seq FROM ledger
            WHERE ledger.rig = asked.rig AND ledger.epoch = asked.epoch
            AND ledger.seq > asked.base
            AND EXISTS (SELECT 1 FROM ledger AS next WHERE next.rig = asked.rig
                AND next.epoch = asked.epoch AND next.seq = asked.base + 1)
            ORDER BY seq LIMIT %(stride)s) AS near) AS placed
    WHERE seq = asked.base + place) AS kept
"""


def reach(connection: Connected, starts: Mapping[Owner, int]) -> dict[Owner, int]:
    """Return for each rig the greatest N for which nothing after its start is missing.

    Parameters
    ----------
    connection : psycopg.Connection
        In the transaction that has stored.
    starts : Mapping
        Where to begin: nothing up to there is missing.
    """
    marks = dict(starts)
    open_ends = list(starts)
    while open_ends:
        rows: Any = connection.execute(
            _STEP,
            {
                "rigs": [one.rig for one in open_ends],
                "epochs": [one.epoch for one in open_ends],
                "bases": [marks[one] for one in open_ends],
                "stride": _STRIDE,
            },
        ).fetchall()
        further = []
        for place, kept, full, lost in rows:
            owner = open_ends[place - 1]
            marks[owner] = max(kept, lost or 0)
            if full or lost:
                further.append(owner)
        open_ends = further
    return marks
