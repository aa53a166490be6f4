"""A collector's database as the source: hits and live time of all rigs, once each."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.messages import encode
from edge.server.arrival import examine
from edge.server.sqlite_store import SqliteStore
from tests.edge.credo_uplink.conftest import changed, exposure, hit
from tests.edge.credo_uplink.credo_server import CredoServer
from tests.message_examples import message

Send = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def collected(tmp_path: Path) -> Callable[..., Path]:
    """Store messages as a collector does."""

    def store(*messages: dict[str, Any]) -> Path:
        path = tmp_path / "fleet" / "collector.db"
        path.parent.mkdir(exist_ok=True)
        with contextlib.closing(SqliteStore(path)) as store:
            arrivals = [
                examine(
                    f"cosmic-edge/v1/{one['rig']}/{one['schema'].split('/')[1]}", encode(one), {}
                )
                for one in messages
            ]
            assert store.commit(arrivals).stored == len(messages)
        return path

    return store


def test_a_server_sends_the_hits_and_the_live_time_of_its_rigs(
    credo: CredoServer, collected: Callable[..., Path], send: Send
) -> None:
    known = {**hit(1)["provenance"], "calibration_id": "c-1"}
    hits = [hit(seq, provenance=known) for seq in range(1, 31)]
    other = hit(500, rig="cellar-2")
    path = collected(
        *hits,
        exposure(60),
        exposure(61, minute=1, origin="simulation"),
        hit(62, origin="simulation"),
        other,
        message("calibration", seq=900),
    )
    code, summary, _ = send(path)
    assert (code, summary["sent"], summary["not_real"], summary["left"]) == (0, 32, 2, 0)
    assert sorted(credo.rows.visible_ids) == sorted(one["id"] for one in [*hits, other])
    assert {row["device_id"] for row in credo.rows.detections} == {"roof-1", "cellar-2"}
    first = credo.rows.detections[0]
    assert (first["device_model"], first["width"], first["height"]) == ("ov5647", 1296, 972)
    assert json.loads(credo.rows.pings[0]["metadata"])["id"] == exposure(60)["id"]
    assert (path.parent / "credo.sqlite").is_file()
    assert send(path)[1]["already_sent"] == 32


def test_a_rig_or_a_time_can_be_chosen(
    credo: CredoServer, collected: Callable[..., Path], send: Send
) -> None:
    path = collected(hit(1), hit(2), hit(3, rig="cellar-2"), exposure(60), exposure(61, minute=1))
    assert send(path, "--rig", "cellar-2")[1]["offered"] == 1
    since = exposure(61, minute=1)["to_utc"].removesuffix("Z")[:26]
    summary = send(path, "--since", since)[1]
    assert (summary["hits"]["offered"], summary["pings"]["offered"]) == (0, 1)


def test_what_is_damaged_there_is_counted(
    credo: CredoServer, collected: Callable[..., Path], send: Send
) -> None:
    path = collected(hit(1), hit(2), exposure(60))
    with changed(path) as db:
        db.execute("UPDATE hits SET message = '{' WHERE seq = 1")
    code, summary, _ = send(path)
    assert (code, summary["sent"], summary["damaged"]) == (0, 2, 1)


def test_another_programs_database_is_refused_in_one_line(tmp_path: Path, send: Send) -> None:
    path = tmp_path / "other.db"
    with changed(path) as db:
        db.execute("CREATE TABLE hits (x)")
    code, _, said = send(path)
    assert code == 1
    assert "other.db" in said
    assert said.count("\n") == 1
