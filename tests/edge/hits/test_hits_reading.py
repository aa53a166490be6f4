"""Reading hits back: from a replay's file and from a rig's archive."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import BadUse, Failed
from edge.hits import Query, open_hits, parse_since
from edge.hits.reader import find_hit
from edge.messages import encode
from tests.edge.hits.made import message

Messages = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


def seqs(path: Path, query: Query | None = None) -> list[int]:
    reader = open_hits(path)
    try:
        return [hit.message.seq for hit in reader.hits(query or Query())]
    finally:
        reader.close()


def test_a_hits_file_gives_its_hits_in_order_and_again(
    hit_message: Messages, write_lines: Write
) -> None:
    path = write_lines([hit_message(seq) for seq in (3, 1, 2)])
    reader = open_hits(path)
    first = [hit.message.seq for hit in reader.hits(Query())]
    again = [hit.message.seq for hit in reader.hits(Query())]
    assert first == again == [3, 1, 2]
    assert not reader.damage
    assert next(iter(reader.hits(Query()))).delivered is None


@pytest.mark.parametrize("kind", ["lines", "archive"])
def test_a_query_chooses_class_time_rig_and_the_newest(
    kind: str, hit_message: Messages, write_lines: Write, write_archive: Write
) -> None:
    messages = [
        hit_message(seq, **({"class": "spot"} if seq % 2 else {}), rig="b" if seq > 6 else "a")
        for seq in range(1, 9)
    ]
    path = (write_lines if kind == "lines" else write_archive)(messages)
    assert seqs(path) == list(range(1, 9))
    assert seqs(path, Query(limit=3)) == [6, 7, 8]
    assert seqs(path, Query(label="spot")) == [1, 3, 5, 7]
    assert seqs(path, Query(label="spot", limit=2)) == [5, 7]
    assert seqs(path, Query(rig="b")) == [7, 8]
    assert seqs(path, Query(since_utc=messages[4]["time_utc"])) == [5, 6, 7, 8]
    assert seqs(path, Query(label="worm")) == []


def test_an_archive_says_what_was_delivered(hit_message: Messages, write_archive: Write) -> None:
    folder = write_archive([hit_message(seq) for seq in range(1, 5)], unsent=1)
    reader = open_hits(folder)
    assert [hit.delivered for hit in reader.hits(Query())] == [True, True, True, False]
    reader.close()


def test_an_archive_of_many_portions_is_read_whole(
    hit_message: Messages, write_archive: Write
) -> None:
    one = hit_message(1)
    folder = write_archive([{**one, "seq": seq} for seq in range(1, 701)], unsent=0)
    with contextlib.closing(sqlite3.connect(folder / "rig.sqlite")) as connection, connection:
        connection.execute("UPDATE archive SET body = ?", [encode(one).decode()])
    assert len(seqs(folder)) == 700
    assert len(seqs(folder, Query(limit=300))) == 300


def test_a_rig_goes_on_writing_while_its_archive_is_read(
    hit_message: Messages, write_archive: Write
) -> None:
    folder = write_archive([hit_message(seq) for seq in range(1, 4)])
    reader = open_hits(folder)
    hits = reader.hits(Query())
    assert next(hits).message.seq == 1
    write_archive([hit_message(9)])  # would fail if the reader held a lock
    assert [hit.message.seq for hit in hits] == [2, 3]
    assert [hit.message.seq for hit in reader.hits(Query())] == [1, 2, 3]
    reader.close()
    assert seqs(folder) == [1, 2, 3, 9]


def test_reading_an_archive_changes_nothing(hit_message: Messages, write_archive: Write) -> None:
    folder = write_archive([hit_message(1)])
    before = (folder / "rig.sqlite").read_bytes()
    assert seqs(folder) == [1]
    assert (folder / "rig.sqlite").read_bytes() == before


def test_a_last_line_cut_short_is_counted_and_said(
    hit_message: Messages, write_lines: Write
) -> None:
    path = write_lines([hit_message(1), hit_message(2)])
    path.write_bytes(path.read_bytes()[:-40])
    reader = open_hits(path)
    assert [hit.message.seq for hit in reader.hits(Query())] == [1]
    assert reader.damage.count == 1
    assert reader.damage.first == "line 2 is damaged (cut short)"


def test_a_whole_last_line_without_its_end_is_a_hit(
    hit_message: Messages, write_lines: Write
) -> None:
    path = write_lines([hit_message(1)])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert seqs(path) == [1]


def test_damage_in_the_middle_is_passed_over(hit_message: Messages, write_lines: Write) -> None:
    path = write_lines([hit_message(1), hit_message(2)])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\x00\xff garbage\n\n" + lines[1])
    reader = open_hits(path)
    assert [hit.message.seq for hit in reader.hits(Query())] == [1, 2]
    assert reader.damage.count == 1
    assert "line 2" in reader.damage.first


def test_damaged_rows_of_an_archive_are_passed_over(
    hit_message: Messages, write_archive: Write
) -> None:
    folder = write_archive([hit_message(seq) for seq in (1, 2, 3)])
    with sqlite3.connect(folder / "rig.sqlite") as connection:
        connection.execute("UPDATE archive SET body = substr(body, 1, 50) WHERE seq = 2")
    connection.close()
    reader = open_hits(folder)
    assert [hit.message.seq for hit in reader.hits(Query())] == [1, 3]
    assert reader.damage.count == 1
    assert "hit 2" in reader.damage.first
    reader.close()


@pytest.mark.parametrize("kind", ["lines", "archive"])
def test_hits_of_a_newer_version_are_refused_in_one_line(
    kind: str, hit_message: Messages, write_lines: Write, write_archive: Write
) -> None:
    newer = {**hit_message(1), "schema": "cosmic-edge/hit/2", "colour": "blue"}
    path = (write_lines if kind == "lines" else write_archive)([newer])
    with pytest.raises(Failed, match=r"newer version.*hit/2.*update") as error:
        seqs(path)
    assert "\n" not in str(error.value)


def test_an_exposure_file_is_not_taken_for_hits(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    hit = hit_message(1)
    record = {name: hit[name] for name in ("rig", "epoch", "seq", "id", "floor", "origin")}
    lost = {"schema": "cosmic-edge/lost/1", **record, "reason": "refused", "ranges": []}
    path = write_lines([{**lost, "lost_epoch": None, "kinds": {}}])
    with pytest.raises(Failed, match="holds lost messages, not hits"):
        seqs(path)


@pytest.mark.parametrize("content", [b"id,x,y\n1,2,3\n", b"\x89PNG\r\n\x1a\n" + bytes(9000)])
def test_a_file_of_another_kind_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(Failed, match="no hits file") as error:
        seqs(path)
    assert "\n" not in str(error.value)


def test_an_empty_file_has_no_hits(tmp_path: Path) -> None:
    path = tmp_path / "hits.jsonl"
    path.touch()
    assert seqs(path) == []


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no such hits file"):
        open_hits(tmp_path / "none.jsonl")
    with pytest.raises(Failed, match="no rig has run here"):
        open_hits(tmp_path)


def test_a_damaged_or_foreign_database_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "rig.sqlite"
    path.write_bytes(b"SQLite format 3\x00" + b"\xab" * 5000)
    with pytest.raises(Failed, match=r"damaged|can't be opened"):
        open_hits(tmp_path)
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (a)")
    connection.close()
    with pytest.raises(Failed, match="another program's database"):
        open_hits(tmp_path)


def test_an_archive_of_a_newer_version_is_one_line(
    hit_message: Messages, write_archive: Write
) -> None:
    folder = write_archive([hit_message(1)])
    with contextlib.closing(sqlite3.connect(folder / "rig.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(Failed, match=r"newer cosmic-edge.*update"):
        open_hits(folder)


def test_hits_of_a_real_outbox_are_read_back(tmp_path: Path, hit_message: Messages) -> None:
    from edge.delivery.database import open_database
    from edge.delivery.rows import insert
    from edge.delivery.state import State
    from edge.detection import Draft

    state = State.new("roof-1")
    envelope = ("schema", "rig", "epoch", "seq", "id", "floor", "origin")
    with contextlib.closing(open_database(tmp_path / "rig.sqlite")) as database:
        for seq in (1, 2):
            body = {k: v for k, v in hit_message(seq).items() if k not in envelope}
            insert(database, state, Draft("hit", body, "camera"))
        reader = open_hits(tmp_path)  # while the rig holds it open
        found = list(reader.hits(Query()))
        reader.close()
    assert [(hit.message.seq, hit.delivered) for hit in found] == [(1, False), (2, False)]
    assert found[1].message.time_utc == hit_message(2)["time_utc"]


def test_a_read_only_folder_can_be_read(hit_message: Messages, write_archive: Write) -> None:
    folder = write_archive([hit_message(1)])
    os.chmod(folder, 0o500)
    try:
        assert seqs(folder) == [1]
    finally:
        os.chmod(folder, 0o700)


def test_a_hit_is_found_by_the_start_of_its_id(hit_message: Messages, write_lines: Write) -> None:
    messages = [hit_message(seq) for seq in range(1, 30)]
    reader = open_hits(write_lines(messages))
    assert find_hit(reader, messages[3]["id"][:10].upper()).message.seq == 4
    with pytest.raises(Failed, match="no hit 'xyz'"):
        find_hit(reader, "xyz")
    with pytest.raises(Failed, match="no hit ''"):
        find_hit(reader, "")
    first = [one["id"][0] for one in messages]
    twice = next(char for char in first if first.count(char) > 1)
    with pytest.raises(Failed, match="hits begin with"):
        find_hit(reader, twice)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21", "2026-11-21T00:00:00.000000000Z"),
        ("2026-11-21T10:00", "2026-11-21T10:00:00.000000000Z"),
        ("2026-11-21T10:00:00.25Z", "2026-11-21T10:00:00.250000000Z"),
        ("2026-11-21T10:00+02:00", "2026-11-21T08:00:00.000000000Z"),
        ("90s", "1970-01-11T13:45:10.000000000Z"),
        ("2h", "1970-01-11T11:46:40.000000000Z"),
        ("0.5d", "1970-01-11T01:46:40.000000000Z"),
    ],
)
def test_since_takes_times_and_durations(text: str, expected: str) -> None:
    assert parse_since(text, lambda: 913_600.0) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2h30", "-2h", "2026-13-01", "9999999999d"])
def test_since_says_what_it_takes(text: str) -> None:
    with pytest.raises(BadUse, match="--since"):
        parse_since(text, lambda: 913_600.0)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(min_value=0), flip=st.one_of(st.none(), st.integers(min_value=0)))
def test_no_damage_to_a_hits_file_does_more_than_lose_lines(cut: int, flip: int | None) -> None:
    data = bytearray(b"".join(encode(message(seq)) + b"\n" for seq in (1, 2, 3)))
    if flip is not None:
        data[flip % len(data)] ^= 0x55
    data = data[: len(data) - cut % len(data)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hits.jsonl"
        path.write_bytes(data)
        reader = open_hits(path)
        try:
            found = [hit.message.seq for hit in reader.hits(Query())]
        except Failed:
            assert reader.damage or flip is not None
            return
    assert set(found) <= {1, 2, 3}
    assert len(found) + reader.damage.count <= 5
    assert json.dumps(reader.damage.first)
