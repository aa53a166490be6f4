"""A replay that measures its own efficiency: the hits stay, the measure is right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge.cli.main import main
from edge.sources.simulated import write_simulation
from simulator import SimulationSpec
from tests.edge.stacks import Replayed, check_sums, dark, in_memory, replay

CLEAN = {"calibration__frames": 50, "exposure__period_s": 5.0, "zero_bias__share": 0.05}


def recording() -> Any:
    stack = dark(240)
    for index in range(5, 240, 12):
        stack[index, 2 + index % 35, 3 + (7 * index) % 40] = 3000
    return in_memory(list(stack))


@pytest.fixture(scope="module")
def replays(tmp_path_factory) -> dict[str, Replayed]:
    folder = tmp_path_factory.mktemp("replays")
    return {
        "off": replay(recording(), folder / "off.jsonl", **CLEAN),
        "on": replay(recording(), folder / "on.jsonl", injection__share=0.1, **CLEAN),
        "three": replay(
            recording(), folder / "three.jsonl", workers=3, injection__share=0.1, **CLEAN
        ),
        "seed": replay(
            recording(),
            folder / "seed.jsonl",
            injection__share=0.1,
            injection__seed=2,
            **CLEAN,
        ),
    }


def test_the_hits_are_the_same_to_the_byte_with_and_without_injection(replays):
    assert len(replays["off"].hits) > 10
    assert replays["on"].content[0] == replays["off"].content[0]
    assert replays["seed"].content[0] == replays["off"].content[0]


def test_exposure_records_differ_by_the_measure_alone(replays):
    without = [
        {k: v for k, v in one.items() if k != "injection"} for one in replays["on"].exposures
    ]
    assert without == replays["off"].exposures
    assert all("injection" in one for one in replays["on"].exposures)


def test_any_number_of_workers_gives_the_same_bytes(replays):
    assert replays["three"].content == replays["on"].content


def test_another_seed_injects_other_particles(replays):
    assert replays["seed"].content[1] != replays["on"].content[1]


def test_records_add_up_to_the_summary(replays):
    for name in ("off", "on"):
        check_sums(replays[name])
    told, summary = replays["on"].exposures, replays["on"].summary["injection"]
    assert "injection" not in replays["off"].summary
    assert 10 <= summary["injected"] <= 45
    for key in ("injected", "found"):
        assert sum(one["injection"][key] for one in told) == summary[key]
        assert sum(one[key] for one in summary["by_peak_sigma"]) == summary[key]
        assert sum(one[key] for one in summary["by_class"].values()) == summary[key]
    bright = [one for one in summary["by_peak_sigma"] if one["from_sigma"] >= 15]
    assert sum(one["found"] for one in bright) == sum(one["injected"] for one in bright) > 0


def test_windows_are_in_the_records_with_every_pixel(replays):
    windows = [one["zero_bias"] for one in replays["off"].exposures if one["zero_bias"]]
    assert 3 <= sum(one["windows"] for one in windows) <= 30
    for one in windows:
        assert sum(one["counts"]) == one["windows"] * one["window_px"] ** 2


def test_places_of_synthetic_particles_never_become_hot(tmp_path):
    """So many at one place would be refused if being asked counted."""
    frames = list(dark(600, 16, 16))
    found = replay(
        in_memory(frames),
        tmp_path / "hits.jsonl",
        injection__share=0.1,
        calibration__frames=50,
    )
    assert found.summary["injection"]["injected"] > 30
    assert "hot_pixel" not in found.summary["injection"]["missed"]


def test_the_command_measures_where_it_is_asked_to(tmp_path, capsys):
    spec = SimulationSpec(width_px=64, height_px=48, hot_pixels=0, telegraph_pixels=0)
    write_simulation(spec, tmp_path / "recording", 150)
    call = ["replay", str(tmp_path / "recording"), "--json"]
    assert main([*call, "--inject", "0.1"]) == 0
    measured = json.loads(capsys.readouterr().out)["injection"]
    assert measured["share"] == 0.1
    assert 0 < measured["found"] <= measured["injected"]
    assert main(call) == 0
    assert "injection" not in json.loads(capsys.readouterr().out)
    for wrong in (["--inject", "0.5"], ["--inject", "0.1", "--preset", "credo"]):
        assert main([*call, *wrong]) == 2
        told = capsys.readouterr()
        assert told.err.count("\n") == 1
        assert "[injection]" in told.err
        assert not told.out


def test_light_and_floods_are_not_sampled(tmp_path):
    stack = dark(120)
    stack[60:] += 800
    lit = replay(
        in_memory(list(stack)),
        tmp_path / "hits.jsonl",
        injection__share=0.1,
        zero_bias__share=1.0,
        calibration__frames=50,
    )
    assert lit.summary["uncovered"] == 60
    assert sum(one["zero_bias"]["windows"] for one in lit.exposures if one["zero_bias"]) == 60
    assert lit.summary["injection"]["injected"] <= 15
