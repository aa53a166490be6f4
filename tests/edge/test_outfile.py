"""A result replaces only a file of its kind, and only once it is whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.errors import BadUse, Failed
from edge.outfile import CALIBRATION, HITS, check_place, replacing

A_HIT = b'{"schema":"cosmic-edge/hit/1","rig":"rig"}\n'


@pytest.mark.parametrize("content", [None, b"", A_HIT], ids=["absent", "empty", "hits"])
def test_a_place_that_is_free_or_holds_the_same_kind_is_taken(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "hits.jsonl"
    if content is not None:
        path.write_bytes(content)
    check_place(path, HITS)


@pytest.mark.parametrize("content", [b"\x93NUMPY\x01", A_HIT.replace(b"cosmic", b"other"), b"x"])
def test_a_file_of_another_kind_is_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "dark.npy"
    path.write_bytes(content)
    with pytest.raises(BadUse, match="is not a hits file and is not overwritten"):
        check_place(path, HITS)
    assert path.read_bytes() == content


@pytest.mark.parametrize("place", ["", ".", "..", "/", "folder"])
def test_a_folder_is_no_place_for_a_file(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadUse, match="is a folder"):
        check_place(Path(place), HITS)


def test_a_device_takes_a_stream_and_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_place(pipe, HITS, stream=True)
    with pytest.raises(BadUse, match="no ordinary file"):
        check_place(pipe, CALIBRATION)


def test_a_place_that_cannot_be_looked_at_fails_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="name too long"):
        check_place(tmp_path / ("x" * 300), HITS)


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "hits.jsonl"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["hits.jsonl"]


@pytest.mark.parametrize("fault", [OSError("disk"), KeyboardInterrupt(), ValueError()])
def test_what_was_there_stays_when_writing_fails(tmp_path: Path, fault: BaseException) -> None:
    path = tmp_path / "hits.jsonl"
    path.write_bytes(b"old")
    failing = replacing(path)
    failing.__enter__().write(b"half")
    assert failing.__exit__(type(fault), fault, None) is not True
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["hits.jsonl"]


def test_a_link_goes_on_pointing_at_the_file(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
