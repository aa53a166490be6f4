"""The whole way is measured, and nothing is lost on it."""

from __future__ import annotations

import json

import pytest

from benchmarks.throughput.__main__ import main
from edge.server.brokers import find_mosquitto
from tests.postgres import why_not

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not find_mosquitto(), reason="needs Debian's mosquitto"),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]


def measured(capsys, hits: int, *more: str) -> list[dict[str, object]]:
    main(["--json", "--hits", str(hits), *more])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_way_is_measured_at_both_sizes(capsys):
    """That all hits are stored is checked where it is measured."""
    found = measured(capsys, 300)
    assert [one["way"] for one in found] == ["outbox to PostgreSQL", "bare paho"] * 2
    assert [round(int(one["bytes"]), -3) for one in found] == [1000, 1000, 6000, 6000]
    assert all(int(one["per_s"]) > 0 for one in found)


@pytest.mark.prove
def test_thousands_of_hits_a_second_reach_the_database_over_tls(capsys):
    """Bounds far below a quiet computer's: see docs/evidence.md for what was measured."""
    small, _, large, _ = measured(capsys, 20_000)
    assert int(small["per_s"]) > 1500
    assert int(large["per_s"]) > 800
