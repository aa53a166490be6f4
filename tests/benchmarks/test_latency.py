"""From frame to commit over real parts, and how long that takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.latency import FPS, HOLD_FRAMES, measure
from tests.postgres import Postgres


@pytest.mark.mosquitto
@pytest.mark.postgresql
@pytest.mark.timeout(120)
def test_every_hit_of_a_rig_is_timed_to_its_commit(tmp_path: Path, postgres: Postgres) -> None:
    """No bound on the time: it is the computer's that runs the tests, and what else it does."""
    latency, summary = measure(12, postgres.create(), tmp_path)
    assert latency.hits == summary["hits"] == summary["acknowledged"] > 3
    assert latency.hold_s == HOLD_FRAMES / FPS
    assert -latency.hold_s < latency.p50_s <= latency.p90_s <= latency.p99_s <= latency.max_s
    assert latency.commit_p99_s > 0


@pytest.mark.prove
@pytest.mark.mosquitto
@pytest.mark.postgresql
@pytest.mark.timeout(600)
def test_99_of_100_hits_are_stored_within_a_second_and_a_half_of_the_hold(tmp_path: Path) -> None:
    server = Postgres(durable=True)
    try:
        latency, summary = measure(300, server.create(), tmp_path)
    finally:
        server.stop()
    print(latency)
    assert latency.hits == summary["hits"] == summary["acknowledged"] > 200
    assert latency.p99_s <= 1.5
