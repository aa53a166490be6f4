"""The store's rate is measured on what a rig sends, and on each engine that is here."""

from __future__ import annotations

import json

import pytest

from benchmarks.store_rate import main
from tests.postgres import why_not


def measured(capsys, seconds):
    main(["--json", "--seconds", str(seconds)])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[0] == "{"]
    return [line for line in lines if "hits_per_s" in line]


@pytest.mark.prove
def test_a_collector_stores_thousands_of_hits_a_second(capsys):
    """Far below what a quiet computer does: it is there to tell a plan that reads whole tables."""
    large = [one for one in measured(capsys, 5.0) if one["batch"] == 500]
    assert len(large) == (2 if why_not() else 4)
    for one in large:
        assert one["hits_per_s"] > (3000 if one["bytes"] < 2000 else 1200), one


def test_hits_are_as_large_as_a_rigs(capsys):
    found = measured(capsys, 0.001)
    assert {round(one["bytes"], -3) for one in found} == {1000, 6000}
    assert {one["batch"] for one in found} == {1, 50, 500}
