from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.delivery.outbox import Outbox
from edge.messages import HitMessage, LostMessage, parse_message
from tests.edge.delivery.full_outbox import (
    Owed,
    declared,
    file_bytes,
    hit,
    idle_hits,
    look,
    other,
    owed_seqs,
    publish,
)

CAP_BYTES = 400_000
OTHERS = ("calibration", "clock", "exposure")


class FullOutboxMachine(RuleBasedStateMachine):
    """Hits and records for a file with little room, published, acknowledged, in new epochs.

    After each commit the cap holds, the sum holds, and what went is what the order says.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.outbox = Outbox.open(Path(self.folder.name), "cellar-1", max_bytes=CAP_BYTES)
        self.frozen: dict[int, bytes] = {}
        self.lost: dict[str, set[int]] = {}
        self.told: dict[str, set[int]] = {}
        self.told_again = False

    @rule(
        count=st.integers(1, 12),
        scores=st.lists(st.sampled_from([None, 0.0, 0.3, 0.62, 0.66, 1.0]), min_size=1, max_size=4),
        kind=st.sampled_from([None, *OTHERS]),
        times=st.integers(1, 20),
    )
    def commit(self, count: int, scores: list[float | None], kind: str | None, times: int) -> None:
        hits = [hit(n, scores[n % len(scores)]) for n in range(count)]
        for _ in range(times):
            before, idle = look(self.outbox), idle_hits(self.outbox)
            self.outbox.commit([*hits, *([other(kind)] * 3 if kind else [])])
            assert file_bytes(self.outbox) <= CAP_BYTES
            self.went_in_order(before, look(self.outbox), idle)

    def went_in_order(self, before: dict[int, Owed], after: dict[int, Owed], idle: int) -> None:
        gone = [one for seq, one in before.items() if seq not in after]
        self.lost.setdefault(self.outbox.epoch, set()).update(one.seq for one in gone)
        left = [after[seq] for seq in before if seq in after]
        bared = [one for one in left if before[one.seq].has_picture and not one.has_picture]
        can_be_bared = [one for one in left if one.has_picture and not one.frozen]
        if bared or gone:
            assert idle_hits(self.outbox) == 0, "delivered ones first"
        else:
            assert idle_hits(self.outbox) <= idle
        assert not any(one.frozen for one in bared)
        if bared and can_be_bared:
            assert max(map(_order, bared)) < min(map(_order, can_be_bared))
        hits = [one for one in gone if one.kind == "hit"]
        if hits:
            assert not can_be_bared, "pictures before hits"
            left_hits = [one for one in left if one.kind == "hit"]
            assert not left_hits or max(map(_order, hits)) < min(map(_order, left_hits))
        for place, kind in enumerate(OTHERS):
            if any(one.kind == kind for one in gone):
                sooner = ("hit", *OTHERS[:place])
                assert not any(one.kind in sooner for one in left)

    @rule(count=st.integers(1, 60))
    def publish(self, count: int) -> None:
        seqs = [seq for seq, _ in self.outbox.pending(0, count)]
        for out in self.outbox.freeze(self.outbox.epoch, seqs):
            assert self.frozen.setdefault(out.seq, out.payload) == out.payload, "frozen"
            message = parse_message(out.payload)
            if isinstance(message, LostMessage):
                told = self.told.setdefault(message.lost_epoch or message.epoch, set())
                told.update(n for r in message.ranges for n in range(r.first_seq, r.last_seq + 1))

    @rule(share=st.floats(0, 1))
    def acknowledge(self, share: float) -> None:
        if self.frozen:
            self.outbox.acknowledge(self.outbox.epoch, int(max(self.frozen) * share))

    @rule(which=st.integers(0, 99), declaration=st.booleans())
    def refuse(self, which: int, declaration: bool) -> None:
        before, epoch = look(self.outbox), self.outbox.epoch
        wanted = [
            seq
            for seq, one in before.items()
            if one.frozen and (one.kind == "lost" or not declaration)
        ]
        if not wanted:
            return
        seq = wanted[which % len(wanted)]
        message = parse_message(publish(self.outbox, [seq])[0])
        if isinstance(message, LostMessage):  # nobody has heard it
            self.told_again = True
            told = self.told.get(message.lost_epoch or message.epoch, set())
            told.difference_update(
                n for r in message.ranges for n in range(r.first_seq, r.last_seq + 1)
            )
        assert self.outbox.refuse(epoch, seq, "test")
        self.frozen.pop(seq, None)
        gone = before.keys() - look(self.outbox).keys()
        assert seq in gone
        self.lost.setdefault(epoch, set()).update(gone)

    @rule()
    def new_epoch(self) -> None:
        assert self.outbox.acknowledge(self.outbox.epoch, 10**9)
        self.frozen.clear()

    @rule()
    def reopen(self) -> None:
        self.outbox.close()
        self.outbox = Outbox.open(Path(self.folder.name), "cellar-1", max_bytes=CAP_BYTES)

    @invariant()
    def sums_hold(self) -> None:
        counts = self.outbox.counts()
        sums = counts.totals
        assert sums.get("committed", 0) == (
            sums.get("acknowledged", 0) + sums.get("lost", 0) + counts.owed_total
        )
        assert sums.get("lost", 0) == sum(map(len, self.lost.values()))
        assert counts.owed_total == len(look(self.outbox))

    def teardown(self) -> None:
        sent = {seq for seq in self.frozen if seq in owed_seqs(self.outbox)}
        for seq in sent:
            assert publish(self.outbox, [seq])[0] == self.frozen[seq]
        bare = [one for one in look(self.outbox).values() if one.kind == "hit"]
        for one in bare[:5]:
            message = parse_message(publish(self.outbox, [one.seq])[0])
            assert isinstance(message, HitMessage)
            assert (message.crop.data is not None) == one.has_picture
        told = declared(self.outbox, counted=not self.told_again)
        for (epoch, reason), seqs in told.items():
            assert reason in ("outbox_full", "refused")
            self.told.setdefault(epoch, set()).update(seqs)
        heard = {epoch: seqs for epoch, seqs in self.told.items() if seqs}
        assert heard == {epoch: seqs for epoch, seqs in self.lost.items() if seqs}
        event(f"lost some: {any(self.lost.values())}")
        self.outbox.close()
        self.folder.cleanup()


def _order(one: Owed) -> tuple[int, int]:
    return one.worth, one.seq


FullOutboxMachine.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestFullOutbox = FullOutboxMachine.TestCase


@pytest.mark.prove
class TestFullOutboxAtLength(FullOutboxMachine.TestCase):
    settings = settings(max_examples=200, stateful_step_count=40)
