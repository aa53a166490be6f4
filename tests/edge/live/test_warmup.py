"""The warm-up goes the whole way, or the first hit of a run would wait for a compiler."""

from __future__ import annotations

from edge.live.warmup import warm_up


def test_each_kind_of_frame_gives_its_one_candidate() -> None:
    assert warm_up() == 4
