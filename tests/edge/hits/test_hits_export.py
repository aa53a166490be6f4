"""Exports: tables, pictures, and what they refuse."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.errors import BadUse, Failed
from edge.hits import Export, Query, export_hits, open_hits
from edge.hits.export import Format
from edge.messages import parse_utc_ns
from tests.edge.hits.made import START_NS, track

Messages = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


def export(source: Path, form: Format, out: Path, **options: Any) -> Export:
    reader = open_hits(source)
    try:
        return export_hits(reader, options.pop("query", Query()), form, out, **options)
    finally:
        reader.close()


def test_csv_holds_every_field_and_every_feature_of_any_hit(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    source = write_lines(
        [
            hit_message(1),
            hit_message(2, features={"solidity": 0.5, "length_px": 7.25}, position=None),
        ]
    )
    out = tmp_path / "hits.csv"
    done = export(source, "csv", out)
    assert done.to_json() == {
        "exported": 2,
        "refused": 0,
        "refused_by_reason": {},
        "damaged": 0,
        "path": str(out),
    }
    with out.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first["time_utc"] == hit_message(1)["time_utc"]
    assert (first["origin"], first["class"], first["x_px"]) == ("camera", "track", "130")
    assert float(first["feature_ellipticity"]) == 0.91
    assert first["feature_length_px"] == ""
    assert float(second["feature_length_px"]) == 7.25
    assert (first["latitude_deg"], second["latitude_deg"]) == ("52.1", "")
    assert first["crop_bit_depth"] == "10"
    assert first["delivered"] == ""


def test_csv_holds_the_expected_votes_where_there_are_some(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    votes = {"spot": 0.0, "track": 0.8, "worm": 0.2, "artefact": 0.0}
    export(write_lines([hit_message(1, votes=votes), hit_message(2)]), "csv", tmp_path / "h.csv")
    with (tmp_path / "h.csv").open(newline="") as file:
        voted, silent = csv.DictReader(file)
    assert (voted["vote_track"], voted["vote_worm"]) == ("0.8", "0.2")
    assert {silent[f"vote_{name}"] for name in votes} == {""}


def test_csv_of_an_archive_says_what_was_delivered(
    tmp_path: Path, hit_message: Messages, write_archive: Write
) -> None:
    folder = write_archive([hit_message(1), hit_message(2)], unsent=1)
    export(folder, "csv", tmp_path / "hits.csv")
    with (tmp_path / "hits.csv").open(newline="") as file:
        assert [row["delivered"] for row in csv.DictReader(file)] == ["True", "False"]


def test_parquet_is_typed_and_brings_the_crop_along(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    source = write_lines([hit_message(seq, position=None) for seq in range(1, 4)])
    out = tmp_path / "hits.parquet"
    assert export(source, "parquet", out).exported == 3
    table = parquet.read_table(out)
    assert table.num_rows == 3
    assert str(table.schema.field("time_utc").type) == "timestamp[ns, tz=UTC]"
    assert str(table.schema.field("latitude_deg").type) == "double"
    assert table.column("time_utc").cast("int64").to_pylist() == [
        START_NS + seq * 1_000_000_000 for seq in (1, 2, 3)
    ]
    png = np.frombuffer(table.column("crop_png")[0].as_py(), np.uint8)
    assert np.array_equal(cv2.imdecode(png, cv2.IMREAD_UNCHANGED), track())


def test_parquet_without_pyarrow_is_one_line(
    tmp_path: Path, hit_message: Messages, write_lines: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Failed, match=r"pyarrow.*cosmic-edge\[parquet\]"):
        export(write_lines([hit_message(1)]), "parquet", tmp_path / "a.parquet")
    assert not (tmp_path / "a.parquet").exists()


def test_pictures_are_stretched_to_look_at(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    out = tmp_path / "crops"
    assert export(write_lines([hit_message(1)]), "png", out).exported == 1
    (path,) = out.glob("*.png")
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.dtype == np.uint8
    assert picture.shape == (60, 60)
    assert picture[30, 30] == picture.max() == 255
    assert np.median(picture) == 0
    with (out / "index.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["file"] == path.name
    assert row["class"] == "track"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_raw_pictures_are_the_counts_in_16_bits(
    tmp_path: Path, hit_message: Messages, write_lines: Write, dtype: type
) -> None:
    pixels = track(peak=150).astype(dtype)
    out = tmp_path / "crops"
    export(write_lines([hit_message(1, pixels=pixels)]), "png", out, raw=True)
    (path,) = out.glob("*.png")
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.dtype == np.uint16
    assert np.array_equal(picture, pixels)


def test_names_of_pictures_sort_by_time_and_tell_what_is_no_real_hit(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    messages = [hit_message(seq, origin="simulation" if seq == 2 else "camera") for seq in (1, 2)]
    out = tmp_path / "crops"
    export(write_lines(messages), "png", out)
    names = sorted(path.name for path in out.glob("*.png"))
    assert [name.split("_")[1] for name in names] == ["track", "track"]
    assert "simulation" not in names[0]
    assert "_simulation_" in names[1]
    stamp = names[0].split("_")[0]
    assert parse_utc_ns(
        f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:11]}:{stamp[11:13]}:{stamp[13:]}"
    ) == parse_utc_ns(messages[0]["time_utc"])


def test_a_crop_that_can_not_be_read_is_refused_and_counted(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    import base64

    broken = hit_message(2)
    png = base64.b64decode(broken["crop"]["data"])
    data = base64.b64encode(png[:40] + bytes(len(png) - 40)).decode()
    broken["crop"] = {**broken["crop"], "data": data}
    out = tmp_path / "crops"
    done = export(write_lines([hit_message(1), broken]), "png", out)
    assert (done.exported, done.refused) == (1, {"unreadable_crop": 1})


@pytest.mark.parametrize("form", ["csv", "parquet", "png", "credo"])
def test_what_is_there_is_not_overwritten_without_force(
    tmp_path: Path, hit_message: Messages, write_lines: Write, form: Format
) -> None:
    source = write_lines([hit_message(1)])
    out = tmp_path / "out"
    if form == "png":
        out.mkdir()
        (out / "mine.txt").write_text("keep")
    else:
        out.write_text("keep")
    with pytest.raises(Failed, match=r"already there.*--force"):
        export(source, form, out)
    assert (out / "mine.txt" if form == "png" else out).read_text() == "keep"
    assert export(source, form, out, force=True).exported == 1
    if form == "png":
        assert (out / "mine.txt").read_text() == "keep"
        assert len(list(out.glob("*.png"))) == 1
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


@pytest.mark.parametrize("form", ["csv", "credo"])
def test_not_even_force_writes_over_the_hits_themselves(
    tmp_path: Path, hit_message: Messages, write_lines: Write, write_archive: Write, form: Format
) -> None:
    lines, folder = write_lines([hit_message(1)]), write_archive([hit_message(1)])
    for source, out in [(lines, lines), (folder, folder / "rig.sqlite")]:
        before = out.read_bytes()
        with pytest.raises(BadUse, match="where the hits themselves lie"):
            export(source, form, out, force=True)
        assert out.read_bytes() == before


@pytest.mark.parametrize("place", [".", "/", "..", "pipe"])
def test_a_place_that_can_hold_no_export_is_refused(
    tmp_path: Path,
    hit_message: Messages,
    write_lines: Write,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    source = write_lines([hit_message(1)])
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(BadUse, match="name another --out"):
        export(source, "png" if place != "pipe" else "csv", Path(place), force=True)
    assert os.path.exists("pipe")


def test_a_failed_export_leaves_what_was_there(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    newer = {**hit_message(2), "schema": "cosmic-edge/hit/2"}
    source = write_lines([hit_message(1), newer])
    out = tmp_path / "hits.csv"
    out.write_text("keep")
    with pytest.raises(Failed, match="newer"):
        export(source, "csv", out, force=True)
    assert out.read_text() == "keep"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hits.csv", "hits.jsonl"]


def test_damage_of_the_source_is_handed_on(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    source = write_lines([hit_message(1), hit_message(2)])
    source.write_bytes(source.read_bytes()[:-9])
    done = export(source, "csv", tmp_path / "a.csv")
    assert (done.exported, done.damage.count) == (1, 1)


def test_no_hits_make_an_empty_table(tmp_path: Path, write_lines: Write) -> None:
    out = tmp_path / "deep" / "a.csv"
    assert export(write_lines([]), "csv", out).exported == 0
    assert out.read_text().startswith("id,rig,epoch")


def test_a_full_disk_is_one_line(tmp_path: Path, hit_message: Messages, write_lines: Write) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    part = tmp_path / "a.csv.part"
    part.symlink_to(full)
    with pytest.raises(Failed, match="disk is full") as error:
        export(write_lines([hit_message(1)]), "csv", tmp_path / "a.csv")
    assert "\n" not in str(error.value)


def test_a_place_that_can_not_be_written_is_one_line(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    source = write_lines([hit_message(1)])
    with pytest.raises(Failed, match="can't be written"):
        export(source, "csv", source / "a.csv")
    with pytest.raises(Failed, match="is a folder"):
        export(source, "csv", tmp_path)
    with pytest.raises(Failed, match="is a file"):
        export(source, "png", source, force=True)
