"""What is under way on a connection: how much fits, and when a broker has gone quiet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.delivery.flights import PUBACK_TIMEOUT_S, WINDOW, WINDOW_BYTES, Flight, Flights


def filled(sizes: list[int]) -> Flights:
    flights = Flights()
    for mid, size in enumerate(sizes):
        flights.begin(mid, Flight("hit", 0.0, size, mid + 1))
    return flights


def test_a_window_of_small_messages_is_bounded_by_their_number() -> None:
    flights = Flights()
    sent = 0
    while room := flights.room(65_535):
        for _ in range(room):
            sent += 1
            flights.begin(sent, Flight("hit", 0.0, 1_000, sent))
    assert WINDOW / 2 < len(flights) <= WINDOW


def test_a_window_of_large_messages_is_bounded_by_their_bytes() -> None:
    flights = filled([700_000])
    assert flights.full
    assert flights.room(65_535) == 0


def test_one_message_may_always_go_however_large_they_are() -> None:
    flights = filled([900_000])
    flights.end(0, 1.0)
    assert flights.room(65_535) == 1
    assert flights.room(1) == 1


def test_no_more_is_asked_for_until_half_of_what_is_under_way_is_free() -> None:
    flights = filled([1_000] * WINDOW)
    ended = 0
    while not flights.room(65_535):
        flights.end(ended, 1.0)
        ended += 1
    assert 2 * flights.room(65_535) >= len(flights)
    assert 2 * (flights.room(65_535) - 1) < len(flights) + 1


@given(st.lists(st.integers(1, 1_000_000), max_size=60), st.integers(1, 200))
def test_what_is_published_as_room_allows_never_passes_the_broker_s_limit(
    sizes: list[int], most: int
) -> None:
    flights = Flights()
    for mid, size in enumerate(sizes):
        if flights.room(most):
            flights.begin(mid, Flight("hit", 0.0, size, mid))
        assert len(flights) <= min(most, WINDOW)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 300_000)), max_size=80))
def test_an_empty_window_always_has_room(steps: list[tuple[bool, int]]) -> None:
    flights = Flights()
    open_mids: list[int] = []
    for mid, (begins, size) in enumerate(steps):
        if begins:
            flights.begin(mid, Flight("hit", 0.0, size, mid))
            open_mids.append(mid)
        elif open_mids:
            flights.end(open_mids.pop(0), 1.0)
    for mid in open_mids:
        flights.end(mid, 2.0)
    assert len(flights) == 0
    assert flights.room(1) == 1
    assert not flights.full


def test_a_broker_that_acknowledges_nothing_has_stalled() -> None:
    flights = filled([1_000, 1_000])
    assert not flights.stalled(PUBACK_TIMEOUT_S - 1)
    assert flights.stalled(PUBACK_TIMEOUT_S)


def test_a_slow_line_on_which_one_after_the_other_arrives_has_not() -> None:
    flights = filled([WINDOW_BYTES // 8] * 8)
    for mid in range(7):
        flights.end(mid, 50.0 * (mid + 1))
    assert not flights.stalled(7 * 50.0 + PUBACK_TIMEOUT_S - 1)
    assert flights.stalled(7 * 50.0 + PUBACK_TIMEOUT_S)


def test_one_message_that_is_passed_over_is_noticed_in_the_end() -> None:
    flights = filled([1_000])
    for mid in range(1, 700):
        flights.begin(mid, Flight("hit", float(mid), 1_000, mid))
        flights.end(mid, float(mid))
    assert flights.stalled(700.0)


def test_nothing_under_way_never_stalls() -> None:
    assert not Flights().stalled(1e9)


def test_an_answer_nobody_waits_for_is_none() -> None:
    flights = filled([10])
    assert flights.end(99, 1.0) is None
    assert len(flights) == 1


def test_with_a_new_epoch_the_publishes_stay_and_their_numbers_go() -> None:
    flights = filled([10])
    flights.forget_seqs()
    ended = flights.end(0, 1.0)
    assert ended is not None
    assert ended.seq is None
