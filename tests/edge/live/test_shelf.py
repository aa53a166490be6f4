"""The shelf: what was half written is cleared away, what is whole stays."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edge.config.load import load_config
from edge.live.shelf import Shelf


def test_what_an_ended_process_left_half_written_is_removed_at_start(tmp_path: Path) -> None:
    for name in ("aa-1.npz.part", "bb-2.npz.part", "aa-1.npz", "bb-2.damaged"):
        (tmp_path / name).write_bytes(b"x")
    Shelf(tmp_path, load_config(None, {}))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["aa-1.npz", "bb-2.damaged"]


def test_a_folder_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    Shelf(tmp_path / "none", load_config(None, {}))
    assert not (tmp_path / "none").exists()


def test_what_cannot_be_removed_is_told_and_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "aa-1.npz.part").mkdir()
    with caplog.at_level(logging.WARNING):
        Shelf(tmp_path, load_config(None, {}))
    assert "can't be tidied" in caplog.text
