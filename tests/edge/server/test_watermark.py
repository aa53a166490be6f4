"""The watermark: nothing is passed that is missing, nothing is held back that is there."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.server.arrival import examine
from edge.server.store import open_store
from edge.server.watermark import advance
from tests.edge.server.conftest import ENGINES
from tests.edge.server.databases import fresh, watermark_of
from tests.edge.server.rigs import EPOCH, RIG, payload

SEQS = st.integers(1, 30)
RANGES = st.tuples(SEQS, SEQS).map(lambda pair: (min(pair), max(pair)))


def oracle(upto: int, floor: int, settled: set[int]) -> int:
    """Count upwards from the floor until something is missing."""
    reached = floor - 1
    while reached + 1 in settled:
        reached += 1
    return max(upto, reached)


def expand(ranges: list[tuple[int, int]]) -> set[int]:
    return {seq for first, last in ranges for seq in range(first, last + 1)}


@given(st.sets(SEQS), st.lists(RANGES, max_size=4), st.integers(1, 30))
def test_it_stops_before_the_first_number_that_is_missing(kept, lost, floor):
    assert advance(0, floor, sorted(kept), sorted(lost)) == oracle(0, floor, kept | expand(lost))


@given(st.sets(SEQS), st.lists(RANGES, max_size=4), st.integers(1, 30))
def test_going_on_from_an_earlier_watermark_leads_to_the_same_place(kept, lost, floor):
    whole = advance(0, floor, sorted(kept), sorted(lost))
    half = advance(0, 1, sorted(kept), sorted(lost))
    beyond = max(half, floor - 1)
    rest = sorted(seq for seq in kept if seq > beyond)
    ranges = sorted(part for part in lost if part[1] > beyond)
    assert advance(half, floor, rest, ranges) == max(half, whole)


@given(st.sets(SEQS), st.integers(0, 40))
def test_it_never_falls(kept, upto):
    assert advance(upto, 1, sorted(seq for seq in kept if seq > upto), []) >= upto


def test_a_gap_ends_the_reading_of_the_numbers():
    def numbers():
        yield from (1, 2, 4)
        raise AssertionError("read past the gap")

    assert advance(0, 1, numbers(), []) == 2


def test_a_range_of_a_billion_is_one_step():
    assert advance(0, 1, [1_000_000_001], [(1, 1_000_000_000)]) == 1_000_000_001


@st.composite
def traffic(draw):
    """Messages of one epoch, and the order they come in: any, with repeats and gaps."""
    plans = draw(
        st.dictionaries(
            SEQS,
            st.tuples(SEQS, st.sampled_from(["hit", "lost", "garbage"]), RANGES),
            min_size=1,
            max_size=20,
        )
    )
    order = draw(st.lists(st.sampled_from(sorted(plans)), max_size=40))
    return [message(seq, *plans[seq]) for seq in order]


def message(seq, floor, kind, span):
    """An arrival, the numbers it settles, and the floor it states."""
    floor = min(floor, seq)
    if kind == "garbage":
        properties = {"epoch": EPOCH, "seq": str(seq)}
        return examine(f"cosmic-edge/v1/{RIG}/hit", b"\xff", properties), {seq}, 1
    last = min(span[1], seq - 1)
    if kind == "lost" and last > 0:
        first = min(span[0], last)
        ranges = [{"first_seq": first, "last_seq": last}]
        data = payload("lost", seq, floor=floor, ranges=ranges)
        settled = {seq, *range(first, last + 1)}
        return examine(f"cosmic-edge/v1/{RIG}/lost", data, {}), settled, floor
    data = payload("hit", seq, floor=floor)
    return examine(f"cosmic-edge/v1/{RIG}/hit", data, {}), {seq}, floor


@pytest.mark.parametrize("engine", ENGINES)
@given(traffic=traffic(), size=st.integers(1, 6), random=st.randoms(use_true_random=False))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_database_agrees_with_counting_on_fingers(engine, request, traffic, size, random):
    """Any order, any batches, two connections: what is stored decides, not how it came."""
    settled: set[int] = set()
    floor_high, upto = 1, 0
    # An example may be given up in its middle: what is open then is closed all the same.
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        place = fresh(engine, Path(folder), request)
        if engine == "postgresql":
            opened.callback(request.getfixturevalue("postgres").drop, place)
        stores = [opened.enter_context(closing(open_store(place))) for _ in range(2)]
        for start in range(0, len(traffic), size):
            batch = traffic[start : start + size]
            for _, numbers, floor in batch:
                settled |= numbers
                floor_high = max(floor_high, floor)
            upto = oracle(upto, floor_high, settled)
            receipt = random.choice(stores).commit([arrival for arrival, _, _ in batch])
            assert [answer.upto for answer in receipt.answers] == [upto]
        for store in stores:
            assert watermark_of(store) == upto
