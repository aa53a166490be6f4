"""`cosmic-edge hits`: what it prints, what it refuses."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from edge.cli.main import main
from edge.hits.listing import HitDetail, HitTable
from edge.hits.record import parse_hit
from edge.messages import encode
from tests.edge.hits.made import message

Messages = Callable[..., dict[str, Any]]
Write = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


def printed(what: object, width: int, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    Console(file=file, width=width, highlight=False).print(what)
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [80, 120])
def test_a_list_fits_and_every_hit_has_one_line(width: int) -> None:
    messages = [
        message(seq, origin=origin, x_px=4055, y_px=3039, peak_adu=65535, time_uncertainty_s=None)
        for seq, origin in enumerate(["camera", "simulation"] * 2, 1)
    ]
    hits = [parse_hit(encode(one), "test", True) for one in messages]
    text = printed(HitTable(hits), width)
    lines = text.splitlines()
    assert len(lines) == 1 + len(hits)
    assert all(len(line) <= width for line in lines)
    for one, line in zip(messages, lines[1:], strict=True):
        assert one["time_utc"][:10] in line
        assert one["id"][:8] in line
        assert " 4055 " in line
        assert ("simulation" in line) == (one["origin"] == "simulation")


def test_hits_that_are_all_simulated_are_marked_as_such() -> None:
    hits = [parse_hit(encode(message(1, origin="simulation")), "test")]
    assert printed(HitTable(hits), 80).splitlines()[-1] == "origin of all: simulation"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_one_hit_is_drawn_in_80_columns_and_in_ascii(encoding: str) -> None:
    hit = parse_hit(encode(message(1)), "test", False)
    text = printed(HitDetail(hit), 80, encoding)
    assert all(len(line) <= 80 for line in text.splitlines())
    for part in (hit.message.id, "roof-1", "track", "peak 764 ADU", "ellipticity 0.91", "c0ffee"):
        assert part in text
    drawn = text.splitlines()[-30:]
    assert len(drawn) == 30
    assert "@" in drawn[15][29:32]
    assert drawn[28].strip(" .") == ""


def test_the_votes_that_are_expected_are_shown_with_one_hit() -> None:
    votes = {"spot": 0.0, "track": 0.8, "worm": 0.2, "artefact": 0.0}
    text = printed(HitDetail(parse_hit(encode(message(1, votes=votes)), "test")), 80)
    assert "votes expected: spot 0.00, track 0.80" in " ".join(text.split())
    silent = printed(HitDetail(parse_hit(encode(message(1)), "test")), 80)
    assert "votes" not in silent


def test_list_prints_json(hit_message: Messages, write_archive: Write, capsys: Capture) -> None:
    folder = write_archive([hit_message(seq) for seq in range(1, 6)], unsent=1)
    assert main(["hits", "list", "--state-dir", str(folder), "--limit", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["count"] == 2
    assert [hit["id"] for hit in result["hits"]] == [hit_message(seq)["id"] for seq in (4, 5)]
    assert [hit["delivered"] for hit in result["hits"]] == [True, False]
    assert result["damaged"] == 0


def test_list_says_how_to_see_more_and_what_was_left_out(
    hit_message: Messages, write_lines: Write, capsys: Capture
) -> None:
    path = write_lines([hit_message(seq) for seq in range(1, 5)])
    path.write_bytes(path.read_bytes()[:-20])
    assert main(["hits", "list", str(path), "--limit", "2"]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 3
    assert "--limit 0" in said.err
    assert "line 4 is damaged (cut short)" in said.err
    assert main(["hits", "list", str(path), "--class", "worm"]) == 0
    assert "no such hits" in capsys.readouterr().out


def test_show_prints_the_whole_message(
    hit_message: Messages, write_lines: Write, capsys: Capture
) -> None:
    one = hit_message(7)
    path = write_lines([hit_message(6), one])
    assert main(["hits", "show", one["id"][:12], str(path), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == {"hit": one, "delivered": None}
    assert main(["hits", "show", one["id"][:12], str(path)]) == 0
    assert one["id"] in capsys.readouterr().out


def test_export_prints_what_it_did(
    tmp_path: Path, hit_message: Messages, write_lines: Write, capsys: Capture
) -> None:
    path = write_lines([hit_message(1), hit_message(2, origin="simulation")])
    out = tmp_path / "credo.json"
    arguments = ["hits", "export", str(path), "--format", "credo", "--out", str(out)]
    assert main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == {
        "exported": 1,
        "refused": 1,
        "refused_by_reason": {"simulation": 1},
        "damaged": 0,
        "path": str(out),
    }
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "--force" in said.err
    assert main([*arguments, "--force"]) == 0
    assert capsys.readouterr().out == f"1 hits written to {out}; refused: 1 simulation\n"


def test_simulated_hits_can_not_be_sent_to_credo_by_any_option(tmp_path: Path) -> None:
    arguments = ["hits", "export", "--format", "credo", "--out", str(tmp_path / "a")]
    assert main([*arguments, "--include-simulated"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["list", "missing.jsonl"], 1, "no such hits file"),
        (["list", "a", "--state-dir", "b"], 2, "not both"),
        (["list", "--since", "soon"], 2, "--since"),
        (["list", "--class", "muon"], 2, "muon"),
        (["export", "--out", "a", "--raw"], 2, "--raw"),
        (["export", "--format", "xls", "--out", "a"], 2, "xls"),
        (["show", "abc", "missing.jsonl"], 1, "no such hits file"),
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
    (tmp_path / "b").mkdir()
    if "--state-dir" not in arguments and "missing.jsonl" not in arguments:
        arguments = [*arguments, "--state-dir", "b"]
    assert main(["hits", *arguments]) == code
    said = capsys.readouterr()
    assert word in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
