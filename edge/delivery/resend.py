"""What was sent and not yet let go: what is due again, what the broker or server will not take.

No clock and no network here: times come in as numbers, so that hours can be tested in a blink.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice

SENDS_BEFORE_REFUSED = 5
SPAN_BEFORE_REFUSED_S = 600.0
LONGEST_TIMEOUT_S = 600.0
# A server that speaks sooner after a send may not have seen it yet; a broker that hangs up on a
# message does so sooner.
_ANSWER_S = 5.0


@dataclass(slots=True)
class Entry:
    """One message that was sent at least once.

    Attributes
    ----------
    kind : str
        hit, exposure, …
    first_s, last_s : float
        First and last send.
    due_s : float
        When it is sent again.
    sends : int
        How often it was sent.
    in_flight : bool
        Sent, the broker's PUBACK is missing.
    accepted : bool
        The broker has taken it at least once.
    refusals : int
        Sends the broker refused, or answered by hanging up, one after the other.
    ignored : int
        Sends the broker took, after which the server spoke but did not mean this one.
    ignored_send : int
        The last send counted there.
    doubtful : bool
        Was in flight when a connection ended.
    """

    kind: str
    first_s: float
    last_s: float
    due_s: float
    sends: int = 1
    in_flight: bool = True
    accepted: bool = False
    refusals: int = 0
    ignored: int = 0
    ignored_send: int = 0
    doubtful: bool = False

    @property
    def alone(self) -> bool:
        """May be at fault: sent only while nothing else is in flight."""
        return self.doubtful or self.refusals > 0 or self.ignored > 0


class Ledger:
    """Messages between their first send and the watermark, in order of seq.

    Only the oldest `reach` are sent again on their time: while the server is away, a day's
    messages would otherwise go round every ten minutes. As the watermark rises, the next slide
    into reach.

    Parameters
    ----------
    ack_timeout_s : float
        Wait before a message is sent again; doubles with each send, to 600 s, jittered.
    reach : int
        How many of the oldest are sent again.
    chance : random.Random, optional
        For tests.
    """

    def __init__(
        self, ack_timeout_s: float, reach: int = 20, chance: random.Random | None = None
    ) -> None:
        self._ack_timeout_s = ack_timeout_s
        self._reach = reach
        self._chance = chance or random.Random()  # noqa: S311 - no secret
        self._entries: dict[int, Entry] = {}
        self.resent = 0
        self.cursor = 0
        """Greatest seq ever sent in this epoch."""

    def __len__(self) -> int:
        """How many messages were sent and not let go."""
        return len(self._entries)

    def clear(self) -> None:
        """Forget all: a new epoch."""
        self._entries.clear()
        self.cursor = 0

    def due(self, now_s: float, room: int, in_flight: int) -> list[int]:
        """Seqs to send again now, at most `room`; one that may be at fault, alone."""
        seqs: list[int] = []
        for seq, entry in islice(self._entries.items(), self._reach):
            if entry.in_flight or entry.due_s > now_s or len(seqs) >= room:
                continue
            if entry.alone:
                return seqs or ([seq] if in_flight == 0 else [])
            seqs.append(seq)
        return seqs

    def wants_quiet(self, now_s: float) -> bool:
        """Whether nothing else should be sent: one that may be at fault is on its way, or due."""
        return any(
            entry.alone and (entry.in_flight or entry.due_s <= now_s)
            for entry in islice(self._entries.values(), self._reach)
        )

    def next_due_s(self) -> float:
        """When something is due next; infinity where nothing is."""
        waiting = islice(self._entries.values(), self._reach)
        return min((e.due_s for e in waiting if not e.in_flight), default=float("inf"))

    def sent(self, seq: int, kind: str, now_s: float) -> None:
        """Note that a message was handed to the network."""
        entry = self._entries.get(seq)
        if entry is None:
            self._entries[seq] = Entry(kind, now_s, now_s, now_s + self._timeout_s(1))
        else:
            entry.sends += 1
            entry.last_s = now_s
            entry.due_s = now_s + self._timeout_s(entry.sends)
            entry.in_flight = True
            self.resent += 1
        self.cursor = max(self.cursor, seq)

    def accepted(self, seq: int) -> Entry | None:
        """Note the broker's PUBACK; returns the entry where it is its first."""
        entry = self._entries.get(seq)
        if entry is None:
            return None
        entry.in_flight = False
        entry.refusals, entry.doubtful = 0, False
        first, entry.accepted = not entry.accepted, True
        return entry if first else None

    def held_back(self, seq: int, until_s: float) -> None:
        """Note that the broker will not take anything from this rig now."""
        entry = self._entries.get(seq)
        if entry is not None:
            entry.in_flight = False
            entry.due_s = until_s

    def refused(self, seq: int, now_s: float) -> bool:
        """Note that the broker refused this one; True where it is time to give it up."""
        entry = self._entries.get(seq)
        if entry is None:
            return False
        entry.in_flight = False
        return self._blame(entry, now_s)

    def connection_lost(self, now_s: float, *, hung_up: bool) -> list[int]:
        """Note that whatever was in flight may not have arrived; returns what is to be given up.

        Each of them is sent alone next. One that was alone already, and after which the broker
        `hung_up` at once, is held responsible; a connection that fell silent is nobody's fault.
        """
        given_up: list[int] = []
        flying = [seq for seq, entry in self._entries.items() if entry.in_flight]
        for seq in flying:
            entry = self._entries[seq]
            entry.in_flight = False
            entry.doubtful = True
            at_once = now_s - entry.last_s <= _ANSWER_S
            if not (hung_up and at_once and len(flying) == 1):
                entry.due_s = now_s
            elif self._blame(entry, now_s):
                given_up.append(seq)
        return given_up

    def passed(self, upto: int) -> list[Entry]:
        """Let go up to the watermark; returns what was let go."""
        gone: list[int] = []
        for seq in self._entries:
            if seq > upto:
                break
            gone.append(seq)
        return [self._entries.pop(seq) for seq in gone]

    def forget(self, seq: int) -> Entry | None:
        """Let go of one."""
        return self._entries.pop(seq, None)

    def server_spoke(self, now_s: float) -> int | None:
        """Note that the server is alive and its watermark still stands below the oldest.

        One that the server ignores again and again, though the broker took it, holds up all that
        follow. Returns its seq where it is time to give it up.
        """
        oldest = next(iter(self._entries.items()), None)
        if oldest is None:
            return None
        seq, entry = oldest
        waited = now_s - entry.last_s >= min(_ANSWER_S, self._ack_timeout_s)
        if not entry.accepted or entry.in_flight or not waited or entry.ignored_send == entry.sends:
            return None
        entry.ignored_send = entry.sends
        entry.ignored += 1
        return seq if self._hopeless(entry, now_s) else None

    def _blame(self, entry: Entry, now_s: float) -> bool:
        entry.refusals += 1
        # The first time it is most likely not its fault: no need to wait.
        entry.due_s = now_s if entry.refusals == 1 else max(entry.due_s, now_s)
        return self._hopeless(entry, now_s)

    @staticmethod
    def _hopeless(entry: Entry, now_s: float) -> bool:
        long_enough = now_s - entry.first_s >= SPAN_BEFORE_REFUSED_S
        return max(entry.refusals, entry.ignored) >= SENDS_BEFORE_REFUSED and long_enough

    def _timeout_s(self, sends: int) -> float:
        timeout_s = min(LONGEST_TIMEOUT_S, self._ack_timeout_s * 2.0 ** min(sends - 1, 32))
        return timeout_s * self._chance.uniform(1.0, 1.25)
