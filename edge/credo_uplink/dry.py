"""What a run would do, without a word to the server and without a change on the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path

from edge.credo_uplink.items import LeftOut, Offer
from edge.credo_uplink.ledger import Known, known_in
from edge.credo_uplink.ledger_file import ledger_fault, read_ledger
from edge.credo_uplink.tally import Tally


def dry_run(
    offers: Iterable[Offer], ledger: Path, server: str, *, retry_refused: bool = False
) -> Tally:
    """Count what would be sent: as ``left``.

    Raises
    ------
    edge.errors.Failed
        The ledger or a source can't be read.
    """
    tally, taken = Tally(), set[str]()
    with ExitStack() as opened:
        db = read_ledger(ledger)
        if db is not None:
            opened.enter_context(closing(db))
        for offer in offers:
            counts = tally.counts[offer.kind]
            counts.offered += 1
            known = None if db is None else _known(db, ledger, server, offer.digest)
            state = None if known is None else known.state
            if isinstance(offer, LeftOut) and not offer.real:
                tally.leave_out(offer.kind, offer.reason)
            elif isinstance(offer, LeftOut):
                tally.refuse(offer.kind, offer.id, offer.reason)
            elif state == "sent" or offer.digest in taken:
                counts.already_sent += 1
            elif known is not None and state == "refused" and not retry_refused:
                tally.refuse(offer.kind, offer.id, known.reason)
            else:
                taken.add(offer.digest)
                counts.left += 1
    return tally


def _known(db: sqlite3.Connection, path: Path, server: str, digest: str) -> Known | None:
    try:
        return known_in(db, server, digest)
    except sqlite3.Error as error:
        raise ledger_fault(path, error) from None
