"""The net beside its rivals on people's labels: repeated folds of groups that none had seen.

Takes half an hour; ``REPEATS=1`` looks at one split.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edge.cli.main import main

REPEATS = os.environ.get("REPEATS", "5")


@pytest.fixture(scope="module")
def found(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    pytest.importorskip("keras", reason="the extra train is not installed")
    folder = tmp_path_factory.mktemp("report")
    asked = ["train", str(shared_data / "credo_labelled"), "--cross-validate"]
    assert main([*asked, "--repeats", REPEATS, "--report", str(folder)]) == 0
    report = json.loads((folder / "report.json").read_text())
    print(json.dumps({name: one["figures"] for name, one in report["methods"].items()}, indent=1))
    return {
        name: {key: figure["value"] for key, figure in one["figures"].items()}
        for name, one in report["methods"].items()
    }


@pytest.mark.prove
@pytest.mark.timeout(7200)
def test_the_net_is_better_than_the_fields_trees_and_knows_how_sure_it_is(found: dict) -> None:
    net, trees = found["net"], found["shape trees"]
    assert net["all"] >= 0.88
    assert net["confident"] >= 0.94
    assert net["all"] >= trees["all"] + 0.03
    assert net["sure"] >= 0.98
    assert net["sure_kept"] >= 0.5
    assert net["ece"] <= 0.03


@pytest.mark.prove
@pytest.mark.timeout(7200)
@pytest.mark.xfail(
    reason="one phone's dark crops were all called artefacts, and look like anybody's spots: "
    "95.7 % so far",
    strict=False,
)
def test_artefacts_are_told_from_signals(found: dict) -> None:
    assert found["net"]["artefact"] >= 0.96
