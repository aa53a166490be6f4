"""``credo export``: request bodies that the server takes as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.messages import encode
from tests.edge.credo_uplink.conftest import exposure, hit
from tests.edge.credo_uplink.credo_server import CredoServer

Rig = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


def export(capsys: Capture, *arguments: str | Path) -> dict[str, Any]:
    assert main(["credo", "export", *map(str, arguments), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    ends = ("written", "already_sent", "refused", "not_real", "left")
    assert summary["offered"] == sum(summary[name] for name in ends)
    return summary


def test_each_line_is_a_request_the_server_takes(
    credo: CredoServer, rig: Rig, tmp_path: Path, capsys: Capture
) -> None:
    hits = [hit(seq) for seq in range(1, 41)]
    folder = rig([*hits, hit(41, origin="simulation")], [exposure(50), exposure(51, minute=1)])
    out = tmp_path / "out.jsonl"
    summary = export(capsys, "--state-dir", folder, "--out", out)
    assert (summary["written"], summary["requests"], summary["not_real"]) == (42, 5, 1)
    for line in (tmp_path / "out.jsonl.ping.jsonl").read_text().splitlines():
        credo.store("ping", json.loads(line))
    for line in out.read_text().splitlines():
        credo.store("detection", json.loads(line))
    assert credo.rows.ids == [one["id"] for one in hits]
    assert credo.rows.visible_ids == credo.rows.ids
    assert credo.rows.unknown == set()


def test_a_hits_file_is_read_with_the_records_beside_it(
    rig: Rig, tmp_path: Path, capsys: Capture
) -> None:
    source = tmp_path / "hits.jsonl"
    source.write_bytes(encode(hit(1)) + b"\n" + encode(hit(2, origin="recording")) + b"\nspoilt\n")
    beside = tmp_path / "hits.jsonl.exposure.jsonl"
    beside.write_bytes(encode(exposure(3)) + b"\n{\n" + encode(exposure(4, origin="recording")))
    summary = export(capsys, source, "--out", tmp_path / "out")
    assert (summary["hits"]["sent"], summary["pings"]["sent"]) == (1, 1)
    assert summary["not_real_by_origin"] == {"recording": 2}
    assert summary["damaged"] == 2
    assert export(capsys, source, "--out", tmp_path / "out", "--no-pings")["offered"] == 2


def test_hits_of_several_rigs_are_several_devices(tmp_path: Path, capsys: Capture) -> None:
    source = tmp_path / "hits.jsonl"
    source.write_bytes(b"".join(encode(hit(n, rig=r)) + b"\n" for n, r in enumerate("abba", 1)))
    export(capsys, source, "--out", tmp_path / "out")
    devices = [json.loads(one)["device_id"] for one in (tmp_path / "out").read_text().splitlines()]
    assert devices == ["a", "b", "a"]
    assert export(capsys, source, "--rig", "b", "--out", tmp_path / "out")["written"] == 2


@pytest.mark.parametrize("name", ["hits.jsonl", "folder", "notes.txt"])
def test_no_file_of_another_kind_is_overwritten(
    rig: Rig, tmp_path: Path, capsys: Capture, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    for file in ("hits.jsonl", "notes.txt"):
        (tmp_path / file).write_bytes(encode(hit(1)))
    arguments = ["credo", "export", str(tmp_path / "hits.jsonl"), "--out", str(tmp_path / name)]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert name in said
    assert (tmp_path / "hits.jsonl").read_bytes() == encode(hit(1))


def test_a_person_is_told_what_was_left_out(rig: Rig, tmp_path: Path, capsys: Capture) -> None:
    folder = rig([hit(1), hit(2, origin="injection")])
    assert main(["credo", "export", "--state-dir", str(folder), "--out", str(tmp_path / "o")]) == 0
    said = capsys.readouterr()
    assert said.out == f"1 hits and 0 pings written to {tmp_path / 'o'} in 1 requests\n"
    assert said.err == "not real: 1 injection\n"


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["missing.jsonl", "--out", "o"], 1, "no such hits file"),
        (["a", "--state-dir", "b", "--out", "o"], 2, "not both"),
        (["--state-dir", "b", "--out", "o"], 1, "no such hits file"),
        (["--since", "soon", "--out", "o"], 2, "--since"),
        ([".", "--out", "o"], 1, "no rig has run here"),
        (["..", "--out", "o"], 1, "no rig has run here"),
        (["missing.jsonl", "--out", "."], 2, "name a file"),
    ],
)
def test_bad_use_is_one_line(
    arguments: list[str],
    code: int,
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["credo", "export", *arguments]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert word in said.err
    assert not (tmp_path / "o").exists()
