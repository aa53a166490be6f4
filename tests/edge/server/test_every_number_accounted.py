"""Whatever comes in whatever order: up to the watermark every number is stored or named as lost."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.server.store import open_store
from tests.edge.server.databases import arrival, rows, watermark_of

HITS = [arrival("hit", seq) for seq in range(1, 31)]
batches = st.lists(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 12)), min_size=1, max_size=6),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(batches)
def test_no_number_below_the_watermark_is_without_a_word_or_told_twice(series):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "c.db")
        with closing(open_store(str(path))) as store:
            marks = [0]
            for batch in series:
                sent = [replace(HITS[seq - 1], floor=max(1, seq - back)) for seq, back in batch]
                marks.append(store.commit(sent).answers[0].upto)
            upto = watermark_of(store)
        told = [seq for (seq,) in rows(path, "SELECT seq FROM messages ORDER BY seq")]
        stored = {seq for batch in series for seq, _ in batch}
        kept = {seq for (seq,) in rows(path, "SELECT seq FROM hits")}
    assert marks == sorted(marks)
    assert [seq for seq in told if seq <= upto] == list(range(1, upto + 1))
    assert len(told) == len(set(told))
    assert kept == stored


spans = st.tuples(st.integers(1, 28), st.integers(0, 6)).map(lambda one: (one[0], sum(one)))


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.integers(1, 28), max_size=6),
    st.lists(spans, min_size=1, max_size=4),
    st.booleans(),
)
def test_a_rigs_own_word_takes_the_place_of_the_servers(stored, told, before):
    """Its floor, and with it the server's word, may come before the rig's declaration, or after."""
    ranges = [{"first_seq": first, "last_seq": min(28, last)} for first, last in told]
    declared = {n for one in ranges for n in range(one["first_seq"], one["last_seq"] + 1)}
    lost = arrival("lost", 30, reason="outbox_full", ranges=ranges, kinds={})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "c.db")
        with closing(open_store(str(path))) as store:
            store.commit([HITS[seq - 1] for seq in sorted(stored)])
            floors = [replace(HITS[28], floor=29)], [replace(lost, floor=30)]
            for batch in ([replace(lost, floor=1)], floors[0]) if before else floors:
                store.commit(batch)
            assert watermark_of(store) == 30
        ranges_of = "SELECT first_seq, last_seq FROM lost_ranges WHERE reason {} 'let_go'"
        ours = [n for a, b in rows(path, ranges_of.format("=")) for n in range(a, b + 1)]
        theirs = {n for a, b in rows(path, ranges_of.format("<>")) for n in range(a, b + 1)}
    assert theirs == declared
    assert sorted(ours) == sorted(set(range(1, 29)) - stored - declared)
