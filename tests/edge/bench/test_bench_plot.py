"""The picture of a run."""

from __future__ import annotations

import sys

import cv2
import pytest

from edge.bench import plot
from edge.cli.main import main
from edge.drawing import check_picture
from edge.errors import BadUse

ONE = {"ms": 2.0, "ratio_np_max": 2.0, "speedup_opencv": 8.0}


BLUE_BGR = (0xEB, 0x63, 0x25)


def test_what_was_measured_is_drawn_in_its_own_panel(tmp_path):
    path = tmp_path / "bench.png"
    some = {"pass_12mp_u16": ONE, "pass_12mp_u16_memory": ONE, "pass_1080p_u8": ONE}
    plot.draw(some, path)
    check_picture(path, plot.PICTURE, plot.WHAT)  # one's own is drawn over
    blue = (cv2.imread(str(path)) == BLUE_BGR).all(axis=2)
    height, width = blue.shape[0] // 2, blue.shape[1] // 2
    assert blue[:height, :width].sum() > 1000
    assert not blue[height:].any()
    assert not blue[:, width:].any()


def test_it_is_drawn_from_a_files_text_keys_as_well(tmp_path):
    growth = {"ratio_to_none_by_hot_pixels": {0: 1.0, 500: 1.1, 100_000: 3.0}}
    words = {"ratio_to_none_by_hot_pixels": {"0": 1.0, "500": 1.1, "100000": 3.0}}
    pictures = []
    for one in (growth, words):
        plot.draw({"cost_against_hot_pixels_12mp_u16": one}, tmp_path / "bench.png")
        pictures.append((tmp_path / "bench.png").read_bytes())
    assert pictures[0] == pictures[1]


def test_another_kind_of_file_is_refused_before_anything_is_measured(tmp_path, capsys):
    with pytest.raises(BadUse, match="a plot is a PNG"):
        check_picture(tmp_path / "bench.svg", plot.PICTURE, plot.WHAT)
    taken = tmp_path / "photo.png"
    taken.write_bytes(b"a photo")
    assert main(["bench", "--plot", str(taken), "--folder", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert taken.read_bytes() == b"a photo"


def test_without_matplotlib_it_is_one_line_that_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["bench", "--plot", str(tmp_path / "bench.png")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cosmic-edge[plot]" in error
