from __future__ import annotations

import random

import pytest

from edge.delivery.backoff import FullJitter
from edge.delivery.resend import Ledger

TIMEOUTS_S = (30, 60, 120, 240, 480, 600, 600, 600)


def ledger(timeout_s: float = 30.0) -> Ledger:
    return Ledger(timeout_s, chance=random.Random(1))


def send(book: Ledger, seqs: range | list[int], now_s: float = 0.0, *, taken: bool = True) -> None:
    for seq in seqs:
        book.sent(seq, "hit", now_s)
        if taken:
            book.accepted(seq)


def test_what_the_watermark_does_not_pass_is_sent_again_later_and_later() -> None:
    book = ledger()
    send(book, [1])
    now_s, times = 0.0, []
    while len(times) < 8:
        now_s += 1.0
        if book.due(now_s, 20, 0):
            times.append(now_s)
            send(book, [1], now_s)
    gaps = [b - a for a, b in zip([0.0, *times], times, strict=False)]
    shares = [gap / base for gap, base in zip(gaps, TIMEOUTS_S, strict=True)]
    assert all(1.0 <= share <= 1.25 + 1 / 30 for share in shares)
    assert len({round(share, 3) for share in shares}) > 4, "jittered"
    assert book.resent == 8
    assert [entry.kind for entry in book.passed(1)] == ["hit"]
    assert book.due(1e9, 20, 0) == []


def test_while_the_server_is_away_only_the_oldest_go_round() -> None:
    book = ledger()
    send(book, range(1, 501))
    sends, now_s = 0, 0.0
    while now_s < 86_400:
        now_s += 10.0
        due = book.due(now_s, 20, 0)
        assert all(seq <= 20 for seq in due)
        send(book, due, now_s)
        sends += len(due)
    assert sends < 20 * 86_400 / 600 + 200
    book.passed(20)
    assert book.due(now_s, 20, 0) == list(range(21, 41)), "the next slide into reach"
    assert book.cursor == 500


def test_a_lost_connection_makes_what_was_in_flight_due_at_once_one_by_one() -> None:
    book = ledger()
    send(book, [1, 2], taken=True)
    send(book, [3, 4], taken=False)
    assert book.connection_lost(5.0, hung_up=True) == []
    assert book.due(5.0, 20, 0) == [3]
    assert book.wants_quiet(5.0)
    send(book, [3], 5.0, taken=False)
    assert book.due(5.0, 20, 1) == [], "alone in flight"
    book.accepted(3)
    assert book.due(5.0, 20, 0) == [4]
    send(book, [4], 5.0)
    assert not book.wants_quiet(5.0)
    assert book.due(29.0, 20, 0) == []


def refuse(book: Ledger, how: str, now_s: float) -> bool:
    if how == "puback":
        return book.refused(1, now_s)
    if how == "hang up":
        return bool(book.connection_lost(now_s + 0.1, hung_up=True))
    book.accepted(1)
    return book.server_spoke(now_s + 6.0) is not None


@pytest.mark.parametrize("how", ["puback", "hang up", "ignored"])
def test_it_is_given_up_after_five_refused_sends_over_ten_minutes(how: str) -> None:
    book = ledger()
    now_s = 0.0
    book.sent(1, "hit", now_s)
    refused_at = [now_s]
    given_up = refuse(book, how, now_s)
    while not given_up:
        now_s += 1.0
        assert now_s < 5000
        if book.due(now_s, 20, 0):
            book.sent(1, "hit", now_s)
            refused_at.append(now_s)
            given_up = refuse(book, how, now_s)
    assert len(refused_at) >= 5
    assert refused_at[-1] >= 590
    assert refused_at[-2] < 600 or len(refused_at) == 5


def test_a_silent_server_gives_no_reason_to_give_up() -> None:
    book = ledger()
    send(book, [1])
    for now_s in range(0, 864_000, 10):
        if book.due(float(now_s), 20, 0):
            send(book, [1], float(now_s))
    assert len(book) == 1
    assert book.server_spoke(864_000.0) is None
    assert book.server_spoke(864_000.0) is None, "counted once for each send"


@pytest.mark.parametrize(("after_s", "hung_up"), [(0.1, False), (30.0, True)])
def test_a_connection_that_falls_silent_is_nobodys_fault(after_s: float, hung_up: bool) -> None:
    book = ledger()
    now_s = 0.0
    for _ in range(100):
        book.sent(1, "hit", now_s)
        now_s += after_s
        assert book.connection_lost(now_s, hung_up=hung_up) == []
        assert book.due(now_s, 20, 0) == [1]
        now_s += 60.0


def test_one_refusal_among_successes_is_forgotten() -> None:
    book = ledger(1.0)
    now_s = 0.0
    book.sent(1, "hit", now_s)
    for _ in range(20):
        book.refused(1, now_s)
        now_s += 700.0
        book.sent(1, "hit", now_s)
        book.accepted(1)
        now_s += 700.0
        book.sent(1, "hit", now_s)
    assert not book.refused(1, now_s)


def test_waits_between_attempts_double_with_full_jitter_and_begin_anew() -> None:
    waits = [FullJitter(1.0, 480.0, random.Random(n)) for n in range(400)]
    for ceiling in (1, 2, 4, 8, 16, 32, 64, 128, 256, 480, 480):
        drawn = [wait.next_s() for wait in waits]
        assert 0 <= min(drawn) < 0.1 * ceiling
        assert 0.9 * ceiling < max(drawn) <= ceiling
        assert abs(sum(drawn) / len(drawn) - ceiling / 2) < 0.06 * ceiling
    waits[0].reset()
    assert waits[0].next_s() <= 1.0
