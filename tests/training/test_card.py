"""The card says what a model was made of, and how it did on groups it had not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.training.made_up import some
from training.card import write_card
from training.labelled import joined

REPORT = {"crops": 240, "groups": 30, "learned_from": 231, "seed": 3}


def test_each_source_has_its_figures_and_its_confusion(tmp_path: Path) -> None:
    crops = joined([some().crops, some(seed=5).crops])
    unseen = np.eye(4)[np.maximum(crops.label, 0)] * 0.9 + 0.025
    unseen[-1] = [0.925, 0.025, 0.025, 0.025]
    write_card(tmp_path / "small.md", crops, REPORT, unseen, ["people", "simulated"])
    text = (tmp_path / "small.md").read_text()
    assert text.startswith("# small\n")
    assert "- learned from: 231" in text
    people, made = text.split("**people**, ")[1].split("**simulated**, ")
    known = crops.label[:120] >= 0
    assert people.startswith(f"{known.sum()} crops: right 1.000 [1.000, 1.000]")
    tables = [
        sum(
            int(cell)
            for line in part.splitlines()
            for cell in line.split("|")
            if cell.strip().isdigit()
        )
        for part in (people, made)
    ]
    assert tables == [known.sum(), (crops.label[120:] >= 0).sum()]


def test_one_source_without_a_name_is_all(tmp_path: Path) -> None:
    crops = some(count=40, groups=4, unlabelled=1).crops
    write_card(tmp_path / "one.md", crops, REPORT, np.full((40, 4), 0.25))
    assert "**all**, 39 crops" in (tmp_path / "one.md").read_text()
