"""A place that lights again and again is refused; one that stays quiet is used again."""

from __future__ import annotations

import tracemalloc

from edge.stages.repeat import RepeatVeto

S = 1_000_000_000


def test_the_third_candidate_at_one_place_is_the_first_refused() -> None:
    veto = RepeatVeto(3, 3600 * S)
    assert [veto.refuses(5, 5, i * S) for i in range(5)] == [False, False, True, True, True]


def test_neighbouring_pixels_count_together() -> None:
    veto = RepeatVeto(3, 3600 * S)
    answers = [veto.refuses(5, 5, 0), veto.refuses(5, 6, S), veto.refuses(6, 6, 2 * S)]
    assert answers == [False, False, True]


def test_places_two_pixels_apart_do_not() -> None:
    veto = RepeatVeto(3, 3600 * S)
    assert not any(veto.refuses(5, x, 0) for x in range(0, 20, 2))


def test_a_place_that_was_quiet_for_the_window_is_used_again() -> None:
    veto = RepeatVeto(3, 100 * S)
    for i in range(5):
        veto.refuses(5, 5, i * S)
    assert not veto.refuses(5, 5, 200 * S)


def test_slow_repeats_outside_the_window_are_never_refused() -> None:
    veto = RepeatVeto(3, 100 * S)
    assert not any(veto.refuses(5, 5, i * 60 * S) for i in range(10))


def test_zero_switches_it_off() -> None:
    veto = RepeatVeto(0)
    assert not any(veto.refuses(5, 5, i) for i in range(10))


def test_memory_stays_bounded() -> None:
    veto = RepeatVeto(3, 10 * S)
    for i in range(20_000):
        veto.refuses(i % 1000, i // 1000 * 3, i * S)
    assert len(veto._places) < 100


def test_a_full_memory_is_small() -> None:
    veto = RepeatVeto(3, 10**6 * S)
    tracemalloc.start()
    try:
        for i in range(101_000):
            veto.refuses(i // 1000 * 3, i % 1000 * 3, i)
        assert tracemalloc.get_traced_memory()[0] < 40_000_000
    finally:
        tracemalloc.stop()


def test_a_place_of_before_the_clock_was_set_back_is_not_hot_for_ever() -> None:
    veto = RepeatVeto(3, 100 * S)
    for i in range(3):
        veto.refuses(5, 5, 10**9 * S + i)
    assert not veto.refuses(5, 5, 0)


def test_cleared_it_remembers_no_place() -> None:
    veto = RepeatVeto(3)
    for i in range(3):
        veto.refuses(5, 5, i)
    veto.clear()
    assert not veto.refuses(5, 5, 3)
