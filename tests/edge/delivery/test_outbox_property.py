from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.delivery.outbox import Outbox
from edge.messages import HitMessage, LostMessage, parse_message
from tests.edge.delivery.test_outbox import draft, owed


class OutboxMachine(RuleBasedStateMachine):
    """Commits, publishes, acks, refusals, new epochs and restarts, in any order.

    The model knows each hit by its frame number: it is owed, delivered or lost, and never two of
    them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.outbox = self.open()
        self.made = 0
        self.delivered: set[int] = set()
        self.refused: set[int] = set()
        self.frozen: dict[tuple[str, int], bytes] = {}
        self.session = 0

    def open(self) -> Outbox:
        return Outbox.open(Path(self.folder.name), "cellar-1")

    def published(self) -> list[int]:
        return [seq for epoch, seq in self.frozen if epoch == self.outbox.epoch]

    def frame(self, seq: int) -> int | None:
        message = parse_message(self.frozen[self.outbox.epoch, seq])
        return message.frame if isinstance(message, HitMessage) else None

    def forget(self, gone: Callable[[int], bool], into: set[int]) -> None:
        still = set(owed(self.outbox))
        for seq in self.published():
            if gone(seq) and seq not in still:
                frame = self.frame(seq)
                del self.frozen[self.outbox.epoch, seq]
                if frame is not None:
                    into.add(frame)

    @rule(count=st.integers(1, 5), exposure=st.booleans())
    def commit(self, count: int, exposure: bool) -> None:
        drafts = [draft(frame=self.made + n) for n in range(count)]
        self.made += count
        self.outbox.commit([*drafts, *([draft("exposure")] if exposure else [])])

    @rule(count=st.integers(1, 8))
    def publish(self, count: int) -> None:
        seqs = [seq for seq, _ in self.outbox.pending(0, count)]
        for out in self.outbox.freeze(self.outbox.epoch, seqs):
            key = (out.epoch, out.seq)
            assert self.frozen.setdefault(key, out.payload) == out.payload, "frozen"

    @rule(share=st.floats(0, 1))
    def acknowledge(self, share: float) -> None:
        seqs = self.published()
        if seqs:
            upto = int(max(seqs) * share)
            assert not self.outbox.acknowledge(self.outbox.epoch, upto)
            self.forget(lambda seq: seq <= upto, self.delivered)

    @rule()
    def broker_ack(self) -> None:
        seqs = self.published()[::2]
        self.outbox.broker_ack(self.outbox.epoch, seqs)
        self.forget(lambda seq: seq in seqs, self.delivered)

    @rule()
    def refuse(self) -> None:
        seqs = self.published()
        if seqs and self.outbox.refuse(self.outbox.epoch, seqs[0], "test"):
            self.forget(lambda seq: seq == seqs[0], self.refused)

    @rule(conflict=st.booleans())
    def new_epoch(self, conflict: bool) -> None:
        old = self.outbox.epoch
        count = len(owed(self.outbox))
        assert self.outbox.acknowledge(
            old, 10**6 if not conflict else None, 1 if conflict else None
        )
        assert self.outbox.epoch != old
        assert owed(self.outbox) == list(range(1, count + 1))
        assert not self.outbox.acknowledge(old, 10**6)

    @rule(killed=st.booleans())
    def reopen(self, killed: bool) -> None:
        epoch, before = self.outbox.epoch, owed(self.outbox)
        self.session = self.outbox.session
        if killed:
            self.outbox._store._db.close()
            self.outbox._folder_lock.release()
        else:
            self.outbox.close()
        self.outbox = self.open()
        assert (self.outbox.epoch, owed(self.outbox)) == (epoch, before)
        assert self.outbox.session == self.session + 1

    @invariant()
    def sums_hold(self) -> None:
        counts = self.outbox.counts()
        sums = counts.totals
        assert sums.get("committed", 0) == (
            sums.get("acknowledged", 0) + sums.get("lost", 0) + counts.owed_total
        )
        assert sums.get("hits_made", 0) == self.made
        assert sums.get("hits_acknowledged", 0) == len(self.delivered)
        assert sums.get("hits_lost", 0) == len(self.refused)
        assert counts.owed.get("hit", 0) == self.made - len(self.delivered) - len(self.refused)
        seqs = owed(self.outbox)
        assert self.outbox.floor == (seqs[0] if seqs else self.outbox._store.state.next_seq)

    def teardown(self) -> None:
        still = {}
        for out in self.outbox.freeze(self.outbox.epoch, owed(self.outbox)):
            message = parse_message(out.payload)
            if isinstance(message, HitMessage):
                still[message.frame] = message
            elif isinstance(message, LostMessage):
                assert message.reason == "refused"
        assert set(still) | self.delivered | self.refused == set(range(self.made))
        assert len(still) + len(self.delivered) + len(self.refused) == self.made
        self.outbox.close()
        self.folder.cleanup()


OutboxMachine.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestOutboxSums = OutboxMachine.TestCase
