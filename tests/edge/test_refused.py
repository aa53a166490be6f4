"""Refused candidates are kept for a person: few, with their reasons, beside the hits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.cli.main import main
from edge.detection import Draft
from edge.hits.query import Query
from edge.hits.reader import open_hits
from edge.messages.codec import parse_message
from edge.refused import FILE_NAME, RefusedLog, refused_path
from tests.edge.live.rig import Rig, play
from tests.edge.replay_stacks import calm
from tests.edge.stacks import dark, in_memory, replay
from tests.message_examples import body as example


def body(reason: str = "hot_pixel") -> dict[str, Any]:
    """A refused candidate without its envelope."""
    return example("hit", rejected=reason)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def stayed_lit() -> np.ndarray:
    stack = dark(60)
    stack[10:20, 20:22, 30] += 300
    stack[40, 5, 7] += 300
    return stack


def test_a_replay_keeps_the_first_of_a_reason_beside_its_hits(tmp_path: Path) -> None:
    done = replay(in_memory(list(stayed_lit())), tmp_path / "hits", calibration=calm())
    assert done.summary["rejected"]["multi_frame"] >= 4
    (kept,) = lines(refused_path(tmp_path / "hits"))
    assert (kept["rejected"], kept["frame"], kept["y_px"] // 2) == ("multi_frame", 10, 10)
    assert kept["id"] not in {hit["id"] for hit in done.hits}
    assert [hit["frame"] for hit in done.hits] == [40]
    assert "rejected" not in done.hits[0]


def test_they_are_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    contents = set()
    for workers in (1, 3):
        replay(
            in_memory(list(stayed_lit())),
            tmp_path / f"{workers}",
            workers=workers,
            calibration=calm(),
        )
        contents.add(refused_path(tmp_path / f"{workers}").read_bytes())
    assert len(contents) == 1


def test_they_are_listed_and_exported_like_hits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay(in_memory(list(stayed_lit())), tmp_path / "hits", calibration=calm())
    path = refused_path(tmp_path / "hits")
    assert main(["hits", "list", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hits"][0]["rejected"] == "multi_frame"
    assert main(["hits", "export", str(path), "--out", str(tmp_path / "refused.csv")]) == 0
    assert (tmp_path / "refused.csv").stat().st_size > 0


def test_where_nothing_is_refused_no_file_is_left_not_even_of_a_replay_before(
    tmp_path: Path,
) -> None:
    replay(in_memory(list(stayed_lit())), tmp_path / "hits", calibration=calm())
    assert refused_path(tmp_path / "hits").exists()
    replay(in_memory(list(dark(60))), tmp_path / "hits", calibration=calm())
    assert not refused_path(tmp_path / "hits").exists()


def test_a_file_that_is_something_else_is_not_overwritten(tmp_path: Path) -> None:
    from edge.errors import BadUse

    refused_path(tmp_path / "hits").write_text("notes")
    with pytest.raises(BadUse, match="is not a hits file"):
        replay(in_memory(list(dark(30))), tmp_path / "hits")


def test_the_log_keeps_the_newest_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    log = RefusedLog(tmp_path, "roof", "0123456789abcdef")
    for i in range(350):
        log.add(Draft("hit", body(f"reason_{i}"), "camera"))
    log = RefusedLog(tmp_path, "roof", "0123456789abcdef")
    for i in range(350, 650):
        log.add(Draft("hit", body(f"reason_{i}"), "camera"))
    kept = lines(tmp_path / FILE_NAME)
    assert 500 <= len(kept) <= 600
    assert [one["rejected"] for one in kept][-500:] == [f"reason_{i}" for i in range(150, 650)]
    assert len({one["id"] for one in kept}) == len(kept)
    for line in (tmp_path / FILE_NAME).read_bytes().splitlines():
        parse_message(line)


def test_a_line_that_a_crash_cut_short_costs_itself_alone(tmp_path: Path) -> None:
    RefusedLog(tmp_path, "roof", "0123456789abcdef").add(Draft("hit", body(), "camera"))
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes() + b'{"schema":"cosmic-edge/hit/1","rig')
    RefusedLog(tmp_path, "roof", "0123456789abcdef").add(Draft("hit", body("leak"), "camera"))
    reader = open_hits(path)
    assert [hit.message.rejected for hit in reader.hits(Query())] == ["hot_pixel", "leak"]
    assert reader.damage.count == 1


def test_a_disk_that_takes_nothing_stops_no_rig(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = RefusedLog(tmp_path / "gone", "roof", "0123456789abcdef")
    for _ in range(3):
        log.add(Draft("hit", body(), "camera"))
    assert len(caplog.records) == 1


def test_a_live_rig_hands_them_out_and_never_to_the_outbox() -> None:
    rig, kept = Rig(), []
    rig.reporter.on_refused = kept.append
    play(rig, 20)
    play(rig, 30, start=20, **{f"f{i}": (10, 10) for i in range(24, 34)})
    rig.loop.finish()
    assert {draft.body["rejected"] for draft in kept} == {"multi_frame"}
    assert len(kept) <= 2
    assert "hit" not in rig.kinds()
