"""A simulated recording of which every particle is known: what is found, and what is false."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main

Line = dict[str, Any]


def lines(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def matches(hit: Line, particle: Line) -> bool:
    return hit["frame"] == particle["frame"] and any(
        abs(hit["y_px"] - y) <= 2 and abs(hit["x_px"] - x) <= 2
        for y, x in zip(particle["rows"], particle["cols"], strict=True)
    )


@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.prove)])
def test_every_clear_particle_is_found_and_nothing_else(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "recording"
    assert main(["simulate", "--frames", "3000", "--seed", str(seed), "--out", str(recording)]) == 0
    results = []
    for name, workers in (("first", "1"), ("again", "1"), ("two workers", "2")):
        out = tmp_path / f"{name}.jsonl"
        capsys.readouterr()
        command = ["replay", str(recording), "--out", str(out), "--workers", workers, "--json"]
        assert main(command) == 0
        results.append((out.read_bytes(), json.loads(capsys.readouterr().out)))
    assert results[0][0] == results[1][0] == results[2][0]
    summary = results[0][1]
    assert summary["expected"] == summary["received"] + summary["missing"] == 3000
    assert summary["received"] == sum(
        summary[k] for k in ("processed", "calibrating", "uncovered", "dropped", "bad")
    )
    assert summary["candidates"] == summary["hits"] + sum(summary["rejected"].values())

    hits = lines(tmp_path / "first.jsonl")
    truth = [p for p in lines(recording / "truth.jsonl") if p["status"] == "ok" and p["covered"]]
    clear = [p for p in truth if p["peak_sigma"] >= 10]
    found = [p for p in clear if any(matches(hit, p) for hit in hits)]
    false = [hit for hit in hits if not any(matches(hit, p) for p in truth)]
    print(
        f"seed {seed}: {len(found)} of {len(clear)} particles at 10 sigma and above, "
        f"{len(hits)} hits, {len(false)} false"
    )
    assert len(clear) > 60
    assert len(found) >= 0.99 * len(clear)
    assert not false
    # An electron that leaves the sensitive silicon and comes back lights up in pieces, as some real
    # hits do; each piece is a hit. Nothing else may come twice.
    assert len(hits) <= 1.1 * len(truth)
    pieces = [sum(matches(hit, p) for hit in hits) for p in truth]
    assert all(count <= 1 for count, p in zip(pieces, truth, strict=True) if p["class"] == "spot")
