"""Messages a rig let go of on another word than this database's.

A database that was restored is older than the word its rigs were given; a rig that trusted its
broker, or another server, owes nothing below its floor either. What is missing there will never
come: it is declared lost here, so that every number is stored, put aside or named as lost.
"""

from __future__ import annotations

from edge.server.arrival import MAX_LOST_SEQS
from edge.server.transaction import Owner
from edge.server.upkeep import Ask

LET_GO = "let_go"
"""Reason, in `lost_ranges`, of what this database never had and no rig owes."""


def declare(ask: Ask, owner: Owner, first_seq: int, last_seq: int) -> int:
    """Declare lost what the ledger has not; in the transaction that is open.

    Parameters
    ----------
    ask : callable
        Runs a statement.
    owner : Owner
        Whose numbers.
    first_seq, last_seq : int
        Where to look, both included. Of more than ten million the last are taken: no rig makes so
        many, and whoever asks for the view `messages` gets a row for each.

    Returns
    -------
    int
        Number of ranges.
    """
    return ask(
        """INSERT INTO lost_ranges (rig, epoch, first_seq, last_seq, reason)
        SELECT {rig}, {epoch}, first_seq, last_seq, {reason} FROM (
            SELECT lag(seq, 1, {before}) OVER (ORDER BY seq) + 1 AS first_seq,
                seq - 1 AS last_seq
            FROM (SELECT seq FROM ledger WHERE rig = {rig} AND epoch = {epoch}
                    AND seq > {before} AND seq < {after}
                UNION ALL SELECT {after}) AS there) AS gaps
        WHERE first_seq <= last_seq ON CONFLICT DO NOTHING""",
        {
            "rig": owner.rig,
            "epoch": owner.epoch,
            "reason": LET_GO,
            "before": max(first_seq, last_seq + 1 - MAX_LOST_SEQS) - 1,
            "after": last_seq + 1,
        },
    ).rowcount
