"""What a collector has counted."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.server.store import Receipt


@dataclass(frozen=True, slots=True)
class Stats:
    """What came in; received = stored + duplicates + quarantined, always.

    Messages count once their commit has returned. `conflicts` are among the quarantined;
    `unsettled` were received, but could not be stored before the end: the rigs send them again.
    `store_waits` is how often a batch had to wait because the database could not take it.
    """

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    conflicts: int = 0
    reconnects: int = 0
    unsettled: int = 0
    store_waits: int = 0

    def plus(self, receipt: Receipt) -> Stats:
        """Add a commit."""
        settled = receipt.stored + receipt.duplicates + receipt.quarantined
        return replace(
            self,
            received=self.received + settled,
            stored=self.stored + receipt.stored,
            duplicates=self.duplicates + receipt.duplicates,
            quarantined=self.quarantined + receipt.quarantined,
            conflicts=self.conflicts + receipt.conflicts,
        )
