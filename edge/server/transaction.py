"""The seam between what a batch means and the database that holds it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.messages import Message
from edge.server.arrival import Former, Key


@dataclass(frozen=True, order=True, slots=True)
class Owner:
    """Whose watermark it is."""

    rig: str
    epoch: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that is to be stored, and the bytes it came as (UTF-8)."""

    key: Key
    message: Message
    payload: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger: this key is settled, by this content."""

    key: Key
    kind: str
    digest: str


@dataclass(frozen=True, slots=True)
class Loss:
    """Sequence numbers a rig says will never come, first and last included."""

    owner: Owner
    first_seq: int
    last_seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class Aside:
    """Something for the quarantine; `was`: keys it had before, as they travelled."""

    reason: str
    detail: str
    topic: str
    key: Key | None
    digest: str
    payload: bytes
    was: str = ""


class Transaction(Protocol):
    """An open transaction; whoever opened it commits or rolls back."""

    def lock(self, owners: Collection[Owner]) -> None:
        """Wait until no other collector is settling messages of these, and keep it so."""

    def digests(self, keys: Collection[Key]) -> dict[Key, str]:
        """Return the content's digest of each key that is settled."""

    def formers(self, keys: Collection[Key]) -> dict[Key, str]:
        """Return, of keys that messages had before they came, the digest under that key."""

    def keep(self, messages: Sequence[Kept]) -> dict[Key, str]:
        """Store messages; return, by key, why this database can't hold one, and go on without."""

    def enter(self, entries: Sequence[Entry]) -> None:
        """Write keys, none of which is settled, into the ledger."""

    def remember(self, former: Sequence[Former]) -> None:
        """Note the keys that stored messages had before; the same one may come again."""

    def declare_lost(self, losses: Sequence[Loss]) -> None:
        """Remember ranges; the same one may come again."""

    def last_held(self, marks: Mapping[Owner, int]) -> dict[Owner, tuple[int, str]]:
        """Return the last settled key up to each mark, and its content's digest, where one is."""

    def put_aside(self, things: Sequence[Aside]) -> None:
        """Put into the quarantine; what lies there already is counted."""

    def advance(self, floors: Mapping[Owner, int]) -> dict[Owner, int]:
        """Bring watermarks forward by all that is settled and return them.

        Parameters
        ----------
        floors : Mapping
            Highest floor that came for each.
        """
