"""The folder of a report: a page that needs no network, its pictures, figures that any JSON reads.

What lies in the folder and is no report's stays.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.classification.classes import CLASSES
from edge.cli.main import main
from edge.crop import encode_png
from edge.detection import Crop
from edge.errors import BadUse
from tests.training.made_up import drawn, given_of, guessed, method, some
from training.crossval import Given, compared
from training.fit import FitRules
from training.report.contact import OF_CLASS, TEXT, WIDTH_PX, Section, Tile, contact_sheet
from training.report.write import FIGURES, PAGE, PICTURES, prepare_report, write_report

# What they share takes long to make: on one worker it is made once.
pytestmark = pytest.mark.xdist_group("report_page")

NASTY = '<script>alert("1 & 2")</script>'


def needs_plots() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def needs_all() -> None:
    needs_plots()
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")


@pytest.fixture(scope="module", autouse=True)
def few_clusters() -> Iterator[None]:
    """Clustering is tested elsewhere, and takes long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.report.clusters.MOST", 3)
        yield


class Seen(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Given]:
    needs_all()
    given = some(90, unlabelled=5)
    names = tuple(f"{NASTY}{i}" for i in range(90))
    given = replace(given, crops=replace(given.crops, name=names))
    found = [method(given, skill, name) for skill, name in ((0.6, NASTY), (1.5, "b $x$"))]
    folder = tmp_path_factory.mktemp("made") / "new" / "report"
    assert write_report(folder, given, found, chosen=NASTY) == folder / PAGE
    return folder, given


def test_the_page_holds_all_it_shows_and_asks_no_network(written: tuple[Path, Given]) -> None:
    page = (written[0] / PAGE).read_text()
    assert "http" not in page
    seen = Seen(page)
    assert not {"link", "script", "iframe", "a"} & {tag for tag, _ in seen.tags}
    assert "url(" not in page
    pictures = [attributes for tag, attributes in seen.tags if tag == "img"]
    assert len(pictures) == len(PICTURES)
    shown = set()
    for one in pictures:
        kind, _, data = (one["src"] or "").partition(",")
        assert kind == "data:image/png;base64"
        assert one["alt"]
        shown.add(base64.b64decode(data))
    assert shown == {(written[0] / name).read_bytes() for name in PICTURES}


def test_names_are_text(written: tuple[Path, Given]) -> None:
    page = (written[0] / PAGE).read_text()
    assert NASTY not in page
    assert "<script" not in page
    seen = Seen(page)
    assert re.search(re.escape(NASTY) + r"\d", seen.text)
    assert "b $x$" in seen.text


def test_pictures_are_as_wide_as_the_page_or_less(written: tuple[Path, Given]) -> None:
    assert {one.name for one in written[0].iterdir()} == {PAGE, FIGURES, *PICTURES}
    for name in PICTURES:
        picture = cv2.imread(str(written[0] / name))
        assert picture is not None
        assert 900 <= picture.shape[1] <= 1000
        assert picture.std() > 5


def test_figures_are_json_without_what_json_does_not_know(written: tuple[Path, Given]) -> None:
    def refuse(word: str) -> Any:
        raise AssertionError(word)

    found = json.loads((written[0] / FIGURES).read_text(), parse_constant=refuse)
    assert (found["crops"], found["labelled"], found["repeats"]) == (90, 85, 2)
    assert set(found["methods"]) == {NASTY, "b $x$"}
    assert found["best"] == "b $x$"
    assert found["mistakes"]["method"] == NASTY
    for one in found["methods"].values():
        assert np.sum(one["confusion"]) == 2 * 85
        assert sum(one["reliability"]["counts"]) == pytest.approx(85)
        assert [row["name"] for row in one["classes"]] == list(CLASSES)
        assert sum(row["crops"] for row in one["classes"]) == 85
        assert one["kept"]["accuracy"][-1] == pytest.approx(one["figures"]["all"]["value"])
    assert sum(one["crops"] for one in found["clusters"]["clusters"]) == 90


def test_a_report_is_replaced_by_another_and_nothing_of_it_stays(tmp_path: Path) -> None:
    needs_all()
    few = given_of([0, 1], ["a", "b"])
    for given in (some(40, unlabelled=2), few):
        write_report(tmp_path, given, [method(given)])
    there = {one.name for one in tmp_path.iterdir()}
    assert there == {PAGE, FIGURES, *PICTURES} - {"clusters.png", "cluster_members.png"}
    assert json.loads((tmp_path / FIGURES).read_text())["clusters"] is None


@pytest.mark.parametrize(
    "case",
    ["single group", "no label", "all the same", "a class alone", "right in all"],
)
def test_what_there_is_little_of_is_shown_as_well(tmp_path: Path, case: str) -> None:
    needs_all()
    label = {"no label": [-1] * 12, "a class alone": [2] * 12}.get(case, [0, 1, 2] * 4)
    given = given_of(label, ["g"] * 12 if case == "single group" else list("abcdef") * 2)
    predicted = guessed(given, 40.0 if case == "right in all" else 1.0)
    if case == "all the same":
        predicted = np.full_like(predicted, 0.25)
    write_report(tmp_path / "r", given, [compared(given.crops, "one", predicted)])
    page = (tmp_path / "r" / PAGE).read_text()
    assert "nan" not in Seen(page).text.lower()


@pytest.mark.parametrize("name", ["notes.txt", "report.html", "confusion.png"])
def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, name: str) -> None:
    needs_plots()
    (tmp_path / name).write_text("mine")
    with pytest.raises(BadUse, match=re.escape(str(tmp_path))) as raised:
        prepare_report(tmp_path)
    assert "\n" not in str(raised.value)
    assert (tmp_path / name).read_text() == "mine"
    with pytest.raises(BadUse, match="folder"):
        prepare_report(tmp_path / name)


def test_an_unknown_method_is_refused(tmp_path: Path) -> None:
    needs_all()
    given = some(20)
    with pytest.raises(BadUse, match="none: no such method; there are guess"):
        write_report(tmp_path, given, [method(given)], chosen="none")


def test_without_matplotlib_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'cosmic-edge\[plot\]'"):
        prepare_report(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_report_without_a_cross_validation_is_bad_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "report"
    for more in ([], ["--out", str(tmp_path / "m.tflite")]):
        assert main(["train", str(tmp_path), "--report", str(folder), *more]) == 2
        said = capsys.readouterr()
        assert said.err.count("\n") == 1
        assert "--cross-validate" in said.err
    assert not folder.exists()


def test_the_command_writes_a_report_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_all()

    class Guess:
        name = "net"

        def __init__(self, rules: FitRules) -> None:
            self.seed = rules.seed

        def scores(self, given: Given, train: Any, test: Any, seed: int) -> np.ndarray:
            return guessed(given, 2.0, repeats=1, seed=seed)[0, test]

    monkeypatch.setattr("training.methods.Net", Guess)
    monkeypatch.setattr("training.cli._PACKAGES", ())  # a guess needs no Keras
    monkeypatch.setattr("training.methods._TREES", 10)
    monkeypatch.setattr("training.fit.FitRules", partial(FitRules, copies=0))
    random = np.random.default_rng(4)
    for kind in CLASSES:
        (tmp_path / "data" / kind).mkdir(parents=True)
        for i in range(6):
            png = encode_png(Crop(drawn(kind, random), 0, 0))
            (tmp_path / "data" / kind / f"{kind}{i}.png").write_bytes(png)
    folder = tmp_path / "report"
    asked = ["train", str(tmp_path / "data"), "--cross-validate", "--report", str(folder)]
    assert main([*asked, "--repeats", "1", "--json"]) == 0
    said = capsys.readouterr()
    assert set(json.loads(said.out)) == {"rules", "shape trees", "trees", "net", "net + trees"}
    assert f"report: {folder / PAGE}" in said.err
    assert set(json.loads((folder / FIGURES).read_text())["methods"]) == set(json.loads(said.out))


def test_a_sheet_takes_crops_of_any_size_and_shows_what_is_bright() -> None:
    random = np.random.default_rng(0)
    large = np.zeros((200, 90), np.uint16)
    large[150:155, 10:14] = 900
    sizes = [drawn("spot", random), large, np.full((1, 1), 7, np.uint8), drawn("worm", random)]
    tiles = [Tile(one, (("a name of ümlauts " * 9, TEXT),), OF_CLASS[0]) for one in sizes]
    sections = [Section("one", tiles), Section("none", []), Section("two", tiles[:1])]
    png = contact_sheet(sections, 3, "training report, a test")
    assert b"Title\0training report" in png[:100]
    page = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert page is not None
    assert page.shape[1] == WIDTH_PX
    assert (page == 255).all(axis=2).sum() > 200
    assert contact_sheet([], 3, "training report, empty")


def test_a_missing_package_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spot").mkdir()
    (tmp_path / "spot/a.png").write_bytes(
        encode_png(Crop(drawn("spot", np.random.default_rng(0)), 0, 0))
    )
    monkeypatch.setattr("training.cli.find_spec", lambda name: None)
    assert main(["train", str(tmp_path), "--out", str(tmp_path / "m.tflite")]) == 1
    assert "this needs keras; install it with: pip install 'cosmic-edge[train]'" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "m.tflite").exists()
