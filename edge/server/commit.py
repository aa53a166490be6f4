"""What a batch means, whatever database holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from edge.messages import LostMessage, Message
from edge.server.arrival import Arrival, Former, Key, Refusal
from edge.server.quarantine import sample
from edge.server.store import Answer, Receipt
from edge.server.transaction import Aside, Entry, Kept, Loss, Owner, Transaction

QUARANTINED = "quarantined"
"""Kind, in the ledger, of what has a key and is no message."""
MOVED = "moved"
"""Kind, in the ledger, of a key whose message is stored under another one of its rig."""


class Batch:
    """Settles one batch in an open transaction; used once.

    Parameters
    ----------
    transaction : Transaction
        Where to.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._stored = 0
        self._duplicates = 0
        self._quarantined = 0
        self._conflicts = 0
        self._kept: list[Message] = []
        self._reasons: Counter[str] = Counter()
        self._fresh: list[tuple[int, Arrival, Key]] = []
        self._moved: list[Entry] = []
        self._former: dict[Key, str] = {}
        self._remembered: list[Former] = []
        self._aside: list[tuple[int, Aside]] = []
        # Last one last: what a rig's topic retains in the end is about what it sent in the end.
        self._answered: dict[Owner, int | None] = {}
        self._floors: dict[Owner, int] = {}

    def store(self, batch: Sequence[Arrival]) -> Receipt:
        """Put every arrival in its place and bring the watermarks forward."""
        self._transaction.lock(_owners(batch))
        keys = _keys(batch)
        known = self._transaction.digests(keys)
        self._former = self._transaction.formers(keys - known.keys())
        for place, arrival in enumerate(batch):
            self._sort(place, arrival, known)
        self._keep()
        # In the order they came, whenever it was seen what is wrong with them.
        self._transaction.put_aside([one for _, one in sorted(self._aside, key=_place)])
        marks = self._transaction.advance(self._floors)
        return Receipt(
            self._stored,
            self._duplicates,
            self._quarantined,
            self._conflicts,
            self._answers(marks),
            kept=tuple(self._kept),
            reasons=dict(self._reasons),
        )

    def _answers(self, marks: Mapping[Owner, int]) -> tuple[Answer, ...]:
        held = self._transaction.last_held({owner: marks[owner] for owner in self._answered})
        return tuple(
            Answer(owner.rig, owner.epoch, marks[owner], conflict, *held.get(owner, (0, None)))
            for owner, conflict in self._answered.items()
        )

    def _sort(self, place: int, arrival: Arrival, known: dict[Key, str]) -> None:
        """Tell what is new from what is known, in this batch or before it."""
        key = arrival.key
        if key is None:
            self._put_aside(place, arrival, arrival.refusal)
            return
        digest = known.setdefault(key, "")
        if digest and digest != arrival.digest:
            self._put_aside(
                place, arrival, Refusal("conflict", f"seq {key.seq} came with other content")
            )
            self._conflicts += 1
            self._touch(key, None, conflict=key.seq)
            return
        if digest:
            self._duplicates += 1
        elif self._came_before(arrival, key, known):
            known[key] = arrival.digest
            self._duplicates += 1
            self._moved.append(Entry(key, MOVED, arrival.digest))
        else:
            known[key] = arrival.digest
            self._fresh.append((place, arrival, key))
            new = [one for one in arrival.former if not known.get(one.key)]
            self._former |= {one.key: one.digest for one in new}
            self._remembered += new
        self._touch(key, arrival.floor)

    def _came_before(self, arrival: Arrival, key: Key, known: Mapping[Key, str]) -> bool:
        """Whether its content came under another of its keys, or as one that had this key."""
        if self._former.get(key) == arrival.digest:
            return True
        return any(
            one.digest in (known.get(one.key), self._former.get(one.key)) for one in arrival.former
        )

    def _keep(self) -> None:
        """Store what is new, or put it aside, and write all of it into the ledger."""
        messages = [
            Kept(key, arrival.message, arrival.payload)
            for _, arrival, key in self._fresh
            if arrival.message is not None
        ]
        refused = self._transaction.keep(messages)
        entries: list[Entry] = []
        losses: list[Loss] = []
        for place, arrival, key in self._fresh:
            refusal = arrival.refusal
            if key in refused:
                # It must not keep the batch, and with it the fleet, waiting.
                refusal = Refusal("unstorable", refused[key])
            if arrival.message is None or refusal is not None:
                self._put_aside(place, arrival, refusal)
                entries.append(Entry(key, QUARANTINED, arrival.digest))
                continue
            self._stored += 1
            self._kept.append(arrival.message)
            entries.append(Entry(key, arrival.message.kind, arrival.digest))
            if isinstance(arrival.message, LostMessage):
                losses += self._losses(arrival.message)
        self._transaction.enter([*entries, *self._moved])
        self._transaction.remember(self._remembered)
        self._transaction.declare_lost(losses)

    def _losses(self, message: LostMessage) -> list[Loss]:
        owner = _lost_owner(message)
        self._floors.setdefault(owner, 1)
        return [
            Loss(owner, part.first_seq, part.last_seq, message.reason) for part in message.ranges
        ]

    def _put_aside(self, place: int, arrival: Arrival, refusal: Refusal | None) -> None:
        assert refusal is not None, "only what was refused is put aside"  # noqa: S101
        self._quarantined += 1
        self._reasons[refusal.reason] += 1
        payload, more = sample(arrival.payload, named=arrival.key is not None)
        aside = Aside(
            refusal.reason,
            _text(refusal.detail + more),
            _text(arrival.topic),
            arrival.key,
            arrival.digest,
            payload,
            arrival.was,
        )
        self._aside.append((place, aside))

    def _touch(self, key: Key, floor: int | None, conflict: int | None = None) -> None:
        owner = Owner(key.rig, key.epoch)
        known = self._answered.pop(owner, None)
        both = [seq for seq in (known, conflict) if seq is not None]
        self._answered[owner] = min(both, default=None)
        self._floors[owner] = max(self._floors.get(owner, 1), floor or 1)


def _text(words: str) -> str:
    """Neither a lone surrogate nor, in PostgreSQL, a NUL is a text."""
    return words.encode(errors="replace").decode().replace("\0", "\\0")


def _place(one: tuple[int, Aside]) -> int:
    return one[0]


def _keys(batch: Sequence[Arrival]) -> set[Key]:
    """Every key the batch has, or had."""
    keys = {one.key for one in batch if one.key is not None}
    return keys | {former.key for one in batch for former in one.former}


def _owners(batch: Sequence[Arrival]) -> set[Owner]:
    """Everybody whose watermark the batch may move."""
    owners = {Owner(key.rig, key.epoch) for key in _keys(batch)}
    owners |= {_lost_owner(one.message) for one in batch if isinstance(one.message, LostMessage)}
    return owners


def _lost_owner(message: LostMessage) -> Owner:
    return Owner(message.rig, message.lost_epoch or message.epoch)
