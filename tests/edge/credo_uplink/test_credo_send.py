"""``credo send`` against a server that keeps the API's rules, and one that fails in every way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.messages import message_id
from tests.edge.credo_uplink.conftest import changed, exposure, hit
from tests.edge.credo_uplink.credo_server import (
    PASSWORD,
    TOKEN,
    USER,
    CredoServer,
    Script,
    certificate,
    cut_after,
    cut_before,
    drips,
    half,
    ordinary,
    says,
    slow,
)

Send = Callable[..., tuple[int, dict[str, Any], str]]
Rig = Callable[..., Path]


def test_every_real_hit_is_stored_once_and_shown(credo: CredoServer, rig: Rig, send: Send) -> None:
    hits = [hit(seq) for seq in range(1, 41)]
    folder = rig(hits, [exposure(50), exposure(51, minute=1)])
    code, summary, said = send("--state-dir", folder)
    assert (code, said) == (0, "")
    assert summary["hits"]["sent"] == 40
    assert summary["pings"]["sent"] == 2
    assert credo.rows.ids == [one["id"] for one in hits]
    assert credo.rows.visible_ids == credo.rows.ids
    assert credo.rows.unknown == set()
    assert credo.rows.requests == ["ping", "ping", "detection", "detection", "detection"]
    assert len({row["device_id"] for row in credo.rows.detections}) == 1


def test_a_ping_holds_the_live_time_of_its_span(credo: CredoServer, rig: Rig, send: Send) -> None:
    send("--state-dir", rig([], [exposure(1), exposure(2, minute=1, live_time_ns=0)]))
    first, second = credo.rows.pings
    assert (first["delta_time"], first["on_time"]) == (60_000, 56_666)
    assert (second["delta_time"], second["on_time"]) == (60_000, 0)
    assert second["timestamp"] - first["timestamp"] == 60_000
    assert json.loads(first["metadata"])["frames"]["processed"] == 1700


def test_what_no_camera_saw_never_leaves(credo: CredoServer, rig: Rig, send: Send) -> None:
    hits = [
        hit(1),
        hit(2, origin="simulation"),
        hit(3, origin="recording"),
        hit(4, origin="injection"),
        hit(5, rejected="hot_pixel"),
    ]
    exposures = [exposure(6), exposure(7, minute=1, origin="simulation")]
    code, summary, _ = send("--state-dir", rig(hits, exposures))
    assert code == 0
    assert credo.rows.ids == [hits[0]["id"]]
    assert len(credo.rows.pings) == 1
    assert summary["not_real"] == 5
    assert summary["not_real_by_origin"] == {
        "simulation": 2, "recording": 1, "injection": 1, "rejected": 1
    }  # fmt: skip


def test_a_second_run_sends_nothing_again(credo: CredoServer, rig: Rig, send: Send) -> None:
    folder = rig([hit(1), hit(2)], [exposure(3)])
    send("--state-dir", folder)
    asked = len(credo.rows.requests)
    code, summary, _ = send("--state-dir", folder)
    assert (code, summary["already_sent"], summary["sent"]) == (0, 3, 0)
    assert len(credo.rows.requests) == asked
    rig([hit(9)])
    assert send("--state-dir", folder)[1]["hits"]["sent"] == 1
    assert len(credo.rows.ids) == 3


def test_new_numbers_make_no_new_hit(credo: CredoServer, rig: Rig, send: Send) -> None:
    """A rig that begins a new epoch gives what it still owes new ids."""
    old = hit(1)
    send("--state-dir", rig([old]))
    again = {**old, "epoch": "ba9876543210", "id": message_id(old["rig"], "ba9876543210", 1)}
    assert again["id"] != old["id"]
    _, summary, _ = send("--state-dir", rig([again]))
    assert summary["hits"]["already_sent"] == 2
    assert len(credo.rows.ids) == 1


def test_a_hit_given_twice_is_sent_once(credo: CredoServer, rig: Rig, send: Send) -> None:
    folder = rig([hit(1)])
    _, summary, _ = send(folder, folder / "rig.sqlite", "--ledger", folder / "mine.sqlite")
    assert (summary["hits"]["sent"], summary["hits"]["already_sent"]) == (1, 1)
    assert len(credo.rows.ids) == 1


def test_what_one_server_has_another_may_lack(credo: CredoServer, rig: Rig, send: Send) -> None:
    folder = rig([hit(1)])
    send("--state-dir", folder)
    with changed(folder / "credo.sqlite") as db:
        db.execute("UPDATE ledger SET server = 'https://elsewhere/api/v2'")
    assert send("--state-dir", folder)[1]["sent"] == 1
    assert len(credo.rows.ids) == 2


@pytest.mark.parametrize("at_fault", [[5], [1, 17, 18, 40], list(range(3, 12))])
def test_a_refused_batch_is_split_to_the_hit_at_fault(
    credo: CredoServer, rig: Rig, send: Send, at_fault: list[int]
) -> None:
    hits = [hit(seq) for seq in range(1, 41)]
    places = {(one["x_px"], one["y_px"]) for one in hits if one["seq"] in at_fault}
    credo.bad = lambda row: (row["x"], row["y"]) in places
    folder = rig(hits)
    code, summary, _ = send("--state-dir", folder)
    assert code == 0
    assert (summary["sent"], summary["refused"]) == (40 - len(at_fault), len(at_fault))
    assert "A valid integer is required" in summary["reasons"][0]["reason"]
    assert sorted(credo.rows.ids) == sorted(h["id"] for h in hits if h["seq"] not in at_fault)
    asked = len(credo.rows.requests)
    assert send("--state-dir", folder)[1]["refused"] == len(at_fault)
    assert len(credo.rows.requests) == asked
    credo.bad = lambda row: False
    assert send("--state-dir", folder, "--retry-refused")[1]["sent"] == len(at_fault)
    assert len(set(credo.rows.ids)) == len(credo.rows.ids) == 40


def test_a_hit_that_breaks_the_server_holds_up_no_other(
    credo: CredoServer, rig: Rig, send: Send
) -> None:
    hits = [hit(seq) for seq in range(1, 41)]
    place = (hits[4]["x_px"], hits[4]["y_px"])
    credo.breaks = lambda row: (row["x"], row["y"]) == place
    folder = rig(hits)
    code, summary, said = send("--state-dir", folder, "--attempts", "2")
    assert (code, summary["sent"], summary["left"]) == (1, 39, 1)
    assert "1 left" in said
    assert len(credo.rows.ids) == 39
    credo.breaks = lambda row: False
    assert send("--state-dir", folder)[1]["sent"] == 1


def test_where_all_is_refused_the_run_ends(credo: CredoServer, rig: Rig, send: Send) -> None:
    credo.bad = lambda row: True
    code, summary, said = send("--state-dir", rig([hit(seq) for seq in range(1, 61)]))
    assert code == 1
    assert (summary["refused"], summary["left"]) == (20, 40)
    assert "20 were refused in a row" in said


@pytest.mark.parametrize(
    "faults",
    [
        [says(500, "<h1>Server Error (500)</h1>")],
        [says(502, "<html>Bad Gateway</html>"), says(503, None, Retry_After="0")],
        [says(429, {"detail": "Request was throttled."}, Retry_After="0")],
        [cut_before, cut_before],
        [says(408)],
    ],
    ids=["500", "502 503", "429", "cut", "408"],
)
def test_a_fault_that_passes_costs_no_hit_and_makes_no_second(
    credo: CredoServer, rig: Rig, send: Send, faults: list[Any]
) -> None:
    hits = [hit(seq) for seq in range(1, 21)]
    credo.script.extend(faults)
    code, summary, _ = send("--state-dir", rig(hits))
    assert (code, summary["sent"]) == (0, 20)
    assert credo.rows.ids == [one["id"] for one in hits]


@pytest.mark.parametrize("lost", [cut_after, half])
def test_a_lost_answer_makes_a_second_row_that_is_counted_and_not_shown(
    credo: CredoServer, rig: Rig, send: Send, lost: Script
) -> None:
    hits = [hit(seq) for seq in range(1, 33)]
    credo.script.extend([ordinary, lost])
    code, summary, _ = send("--state-dir", rig(hits, [exposure(99)]))
    assert (code, summary["hits"]["sent"], summary["hits"]["repeated"]) == (0, 32, 16)
    assert len(credo.rows.ids) == 32 + 16
    assert credo.rows.visible_ids == [one["id"] for one in hits]


def test_a_throttled_request_is_known_not_to_be_stored(
    credo: CredoServer, rig: Rig, send: Send
) -> None:
    credo.script.append(says(429, None, Retry_After="0"))
    assert send("--state-dir", rig([hit(1)]))[1]["repeated"] == 0


def test_a_server_that_takes_no_more_is_left_alone(
    credo: CredoServer, rig: Rig, send: Send
) -> None:
    credo.script.extend([says(429, None, Retry_After="0")] * 9)
    folder = rig([hit(seq) for seq in range(1, 41)])
    code, summary, said = send("--state-dir", folder, "--attempts", "3")
    assert (code, summary["left"]) == (1, 40)
    assert "HTTP 429" in said
    assert len(credo.rows.requests) == 3


def test_retry_after_is_waited_for(credo: CredoServer, rig: Rig, send: Send) -> None:
    credo.script.append(says(429, None, Retry_After="1"))
    began = time.monotonic()
    assert send("--state-dir", rig([hit(1)]))[0] == 0
    assert time.monotonic() - began >= 1


def test_a_server_that_asks_for_an_hour_ends_the_run(
    credo: CredoServer, rig: Rig, send: Send
) -> None:
    credo.script.append(says(503, None, Retry_After="3600"))
    code, summary, said = send("--state-dir", rig([hit(1), hit(2)]))
    assert (code, summary["left"]) == (1, 2)
    assert "asks for 3600 s" in said


@pytest.mark.parametrize("fault", [slow(1.5), drips(1.5)], ids=["silent", "dripping"])
def test_a_slow_server_is_not_waited_for(
    credo: CredoServer, rig: Rig, send: Send, fault: Any
) -> None:
    credo.script.append(fault)
    began = time.monotonic()
    code, summary, _ = send("--state-dir", rig([hit(1)]), "--timeout", "0.5")
    assert (code, summary["sent"], summary["repeated"]) == (0, 1, 1)
    assert time.monotonic() - began < 1.4


@pytest.mark.parametrize(
    "body", ["<html>welcome to our network</html>", {"detections": []}, {"ok": True}, "", [1]]
)
def test_garbage_with_a_200_is_no_answer(
    credo: CredoServer, rig: Rig, send: Send, body: Any
) -> None:
    folder = rig([hit(seq) for seq in range(1, 41)])
    credo.script.append(says(200, body))
    code, summary, said = send("--state-dir", folder)
    assert (code, summary["sent"], summary["left"]) == (1, 0, 40)
    assert "no CREDO server" in said
    assert len(credo.rows.requests) == 1
    assert send("--state-dir", folder)[1]["sent"] == 40


def test_a_redirection_is_not_followed(credo: CredoServer, rig: Rig, send: Send) -> None:
    credo.script.append(says(307, None, Location="https://elsewhere.example/api?token=x"))
    code, _, said = send("--state-dir", rig([hit(1)]))
    assert code == 1
    assert "redirected to https://elsewhere.example/api, which is not followed" in said


def test_a_wrong_path_sets_nothing_aside(credo: CredoServer, rig: Rig, send: Send) -> None:
    folder = rig([hit(1)])
    credo.script.append(says(404, "<h1>Not Found</h1>"))
    code, summary, said = send("--state-dir", folder)
    assert (code, summary["refused"], summary["left"]) == (1, 0, 1)
    assert "is --url right?" in said
    assert send("--state-dir", folder)[1]["sent"] == 1


def test_an_unknown_token_sets_nothing_aside(credo: CredoServer, rig: Rig, send: Send) -> None:
    folder = rig([hit(seq) for seq in range(1, 41)])
    credo.token = "another"
    code, summary, said = send("--state-dir", folder)
    assert (code, summary["left"]) == (1, 40)
    assert "the token is refused (HTTP 401: Invalid token)" in said
    assert TOKEN not in said
    credo.token = TOKEN
    assert send("--state-dir", folder)[1]["sent"] == 40


def test_a_refused_token_is_renewed_by_a_login(
    credo: CredoServer, rig: Rig, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSMIC_EDGE_CREDO_PASSWORD", PASSWORD)
    credo.token = "a-new-one"
    code, summary, _ = send("--state-dir", rig([hit(1)]), "--user", USER)
    assert (code, summary["sent"], summary["repeated"], credo.rows.logins) == (0, 1, 0, 1)


def test_a_server_that_is_down_leaves_all(credo: CredoServer, rig: Rig, send: Send) -> None:
    folder = rig([hit(seq) for seq in range(1, 41)], [exposure(90)])
    credo.close()
    code, summary, said = send("--state-dir", folder, "--attempts", "2")
    assert (code, summary["left"], summary["sent"]) == (1, 41, 0)
    assert "can't be reached" in said


def test_a_certificate_that_is_not_trusted_ends_the_run(
    credo: CredoServer, rig: Rig, send: Send, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = certificate(tmp_path / "other")
    code, _, said = send("--state-dir", rig([hit(1)]), "--ca-file", other)
    assert code == 1
    assert "certificate is not trusted" in said
    assert said.count("\n") == 1
    assert credo.rows.requests == []


def test_a_name_the_certificate_does_not_hold_is_not_trusted(
    credo: CredoServer, rig: Rig, send: Send
) -> None:
    code, _, said = send(
        "--state-dir", rig([hit(1)]), "--url", credo.url.replace("localhost", "127.0.0.1")
    )
    assert code == 1
    assert "certificate is not trusted" in said
    assert credo.rows.requests == []


def test_a_dry_run_says_all_and_changes_nothing(credo: CredoServer, rig: Rig, send: Send) -> None:
    folder = rig([hit(1), hit(2, origin="simulation")], [exposure(3)])
    code, summary, _ = send("--state-dir", folder, "--dry-run")
    assert (code, summary["left"], summary["not_real"], summary["dry_run"]) == (0, 2, 1, True)
    assert not list(folder.glob("credo*"))
    assert credo.rows.requests == []
    send("--state-dir", folder)
    assert send("--state-dir", folder, "--dry-run")[1]["already_sent"] == 2


def test_a_damaged_picture_is_set_aside_and_told_once_and_the_rest_goes(
    credo: CredoServer, rig: Rig, send: Send, tmp_path: Path
) -> None:
    import base64

    spoilt = hit(2)
    data = base64.b64decode(spoilt["crop"]["data"])
    spoilt["crop"]["data"] = base64.b64encode(data[:60]).decode()
    _, summary, _ = send("--state-dir", rig([hit(1), spoilt, hit(3)]))
    assert (summary["sent"], summary["refused"]) == (2, 1)
    assert summary["reasons"] == [{"id": spoilt["id"], "reason": "unreadable_crop"}]
    again = send("--state-dir", tmp_path / "state")[1]
    assert (again["refused"], again["reasons"]) == (1, [])


def test_two_runs_at_once_are_one_too_many(rig: Rig, send: Send) -> None:
    import fcntl

    folder = rig([hit(1)])
    with (folder / "credo.sqlite.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, _, said = send("--state-dir", folder)
    assert code == 1
    assert "another run sends" in said


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("PRAGMA user_version = 9", "newer cosmic-edge"),
        ("PRAGMA application_id = 7", "another program's database"),
    ],
)
def test_a_ledger_that_is_not_ours_is_left_alone(
    credo: CredoServer, rig: Rig, send: Send, change: str, word: str
) -> None:
    folder = rig([hit(1)])
    send("--state-dir", folder)
    with changed(folder / "credo.sqlite") as db:
        db.execute(change)
    code, _, said = send("--state-dir", folder)
    assert code == 1
    assert word in said
    assert len(credo.rows.ids) == 1


def test_a_damaged_ledger_stops_the_run_in_one_line(
    credo: CredoServer, rig: Rig, send: Send
) -> None:
    folder = rig([hit(1)])
    (folder / "credo.sqlite").write_bytes(b"SQLite format 3\0" + b"spoilt" * 1000)
    code, _, said = send("--state-dir", folder)
    assert code == 1
    assert "damaged" in said
    assert said.count("\n") == 1
    assert credo.rows.requests == []
