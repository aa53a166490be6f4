"""Hits whose picture the rig gave up: read, listed and exported as they are."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.credo_uplink.items import LeftOut, offer_hit
from edge.hits import Query, open_hits
from edge.hits.crops import RefusedCrop, read_crops
from edge.messages import MessageError, encode, parse_message

Messages = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


@pytest.fixture
def bare(hit_message: Messages) -> dict[str, Any]:
    one = hit_message(1)
    return {**one, "crop": {**one["crop"], "data": None, "dropped": "outbox_full"}}


def test_a_crop_has_data_or_says_why_not(bare: dict[str, Any]) -> None:
    parse_message(encode(bare))
    for crop in ({**bare["crop"], "dropped": None}, {**bare["crop"], "data": "x" * 40}):
        with pytest.raises(MessageError, match="crop"):
            parse_message(encode({**bare, "crop": crop}))


def test_reading_its_pixels_says_what_became_of_them(
    bare: dict[str, Any], write_lines: Write
) -> None:
    path = write_lines([bare])
    (hit,) = open_hits(path).hits(Query())
    with pytest.raises(ValueError, match="given up by the rig"):
        hit.pixels()
    (refused,) = read_crops([path])
    assert isinstance(refused, RefusedCrop)
    assert "given up" in refused.why


def test_it_is_listed_shown_and_exported_beside_others(
    bare: dict[str, Any],
    hit_message: Messages,
    write_lines: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = str(write_lines([bare, hit_message(2)]))
    assert main(["hits", "show", bare["id"], source]) == 0
    assert "given up by the rig" in capsys.readouterr().out
    out = tmp_path / "hits.csv"
    assert main(["hits", "export", source, "--format", "csv", "--out", str(out)]) == 0
    with out.open(newline="") as file:
        assert [row["crop_dropped"] for row in csv.DictReader(file)] == ["outbox_full", ""]
    folder = tmp_path / "png"
    assert main(["hits", "export", source, "--format", "png", "--out", str(folder)]) in (0, 1)
    assert len(list(folder.glob("*.png"))) == 1


def test_parquet_holds_no_picture_for_it(
    bare: dict[str, Any], hit_message: Messages, write_lines: Write, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    source, out = str(write_lines([bare, hit_message(2)])), tmp_path / "hits.parquet"
    assert main(["hits", "export", source, "--format", "parquet", "--out", str(out)]) == 0
    pictures = parquet.read_table(out).column("crop_png").to_pylist()
    assert pictures[0] is None
    assert pictures[1].startswith(b"\x89PNG")


def test_credo_is_not_sent_what_it_would_never_show(
    bare: dict[str, Any], write_lines: Write
) -> None:
    (hit,) = open_hits(write_lines([bare])).hits(Query())
    offer = offer_hit(hit, None)
    assert isinstance(offer, LeftOut)
    assert (offer.reason, offer.real) == ("no_picture", True)
    assert json.loads(encode(bare))["crop"]["data"] is None
