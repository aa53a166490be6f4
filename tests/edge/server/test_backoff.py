"""Waits between tries."""

from __future__ import annotations

from edge.server.backoff import Backoff


def test_waits_are_spread_below_a_bound_that_doubles_to_a_cap():
    for tries, bound in enumerate([0.5, 1, 2, 4, 8, 8, 8]):
        waits = []
        for _ in range(200):
            backoff = Backoff(0.5, 8.0)
            for _ in range(tries):
                backoff.next_s()
            waits.append(backoff.next_s())
        assert 0 <= min(waits) < 0.2 * bound
        assert 0.8 * bound < max(waits) <= bound


def test_it_goes_on_for_ever_and_starts_over():
    backoff = Backoff(0.001, 8.0)
    assert all(backoff.next_s() <= 8.0 for _ in range(5000))
    backoff.reset()
    assert backoff.next_s() <= 0.001
