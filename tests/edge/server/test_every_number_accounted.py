"""Whatever comes in whatever order: up to the watermark every number is stored or named as lost."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.server.store import open_store
from tests.edge.server.databases import arrival, rows
from tests.edge.server.rigs import EPOCH, RIG

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
            upto = store.watermark(RIG, EPOCH)
        told = [seq for (seq,) in rows(path, "SELECT seq FROM messages ORDER BY seq")]
        stored = {seq for batch in series for seq, _ in batch}
        kept = {seq for (seq,) in rows(path, "SELECT seq FROM hits")}
    assert marks == sorted(marks)
    assert [seq for seq in told if seq <= upto] == list(range(1, upto + 1))
    assert len(told) == len(set(told))
    assert kept == stored
