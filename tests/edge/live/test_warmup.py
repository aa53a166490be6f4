"""The warm-up goes the whole way, or the first hit of a run would wait for a compiler."""

from __future__ import annotations

from calibration.jit import numba_available
from edge.live.warmup import warm_up
from edge.pixels import significance


def test_each_kind_of_frame_gives_its_one_candidate() -> None:
    assert warm_up() == 4
    # What judges a pixel with its neighbours is compiled for each kind as well.
    assert not numba_available() or len(significance._kernel().signatures) >= 4
