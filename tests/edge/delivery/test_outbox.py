from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.delivery.inspect import look_at_outbox
from edge.delivery.outbox import Outbox, OutboxFull
from edge.detection import Draft
from edge.errors import BadUse, Failed
from edge.messages import HitMessage, LostMessage, MessageError, digest, parse_message
from tests.message_examples import body

REPOSITORY = Path(__file__).resolve().parents[3]


def draft(kind: str = "hit", **changes: Any) -> Draft:
    return Draft(kind, body(kind, **changes), "camera")


def hits(count: int, first: int = 0) -> list[Draft]:
    return [draft(frame=first + n) for n in range(count)]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox.open(tmp_path, "cellar-1")
    yield opened
    opened.close()


def owed(outbox: Outbox) -> list[int]:
    return [seq for seq, _ in outbox.pending(0, 10_000)]


def publish(outbox: Outbox, seqs: list[int]) -> list[bytes]:
    return [out.payload for out in outbox.freeze(outbox.epoch, seqs)]


def archive(path: Path) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(path / "rig.sqlite")
    rows = db.execute("SELECT epoch, seq, acknowledged, body FROM archive ORDER BY rowid")
    result = rows.fetchall()
    db.close()
    return result


def balance(outbox: Outbox) -> None:
    counts = outbox.counts()
    sums = counts.totals
    assert sums.get("committed", 0) == (
        sums.get("acknowledged", 0) + sums.get("lost", 0) + counts.owed_total
    )


def test_seq_counts_from_one_without_gaps_over_kinds_and_starts(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "cellar-1")
    assert outbox.commit([draft("calibration"), *hits(2)]) == [1, 2, 3]
    with pytest.raises(MessageError):
        outbox.commit([draft(), draft(sum_adu=float("nan"))])
    assert outbox.commit([draft("exposure")]) == [4]
    epoch, session = outbox.epoch, outbox.session
    outbox.close()
    again = Outbox.open(tmp_path, "cellar-1")
    assert (again.epoch, again.session) == (epoch, session + 1)
    assert again.commit([draft("clock")]) == [5]
    assert again.pending(3, 10) == [(4, "exposure"), (5, "clock")]
    again.close()


def test_a_message_is_frozen_when_it_is_first_published(outbox: Outbox) -> None:
    outbox.commit(hits(3))
    first = publish(outbox, [1, 2])
    assert [parse_message(payload).floor for payload in first] == [1, 1]
    outbox.acknowledge(outbox.epoch, 1)
    assert publish(outbox, [2]) == first[1:]
    third = parse_message(publish(outbox, [3])[0])
    assert isinstance(third, HitMessage)
    assert (third.floor, third.frame, third.seq) == (2, 2, 3)
    assert publish(outbox, [1, 99]) == []


def test_a_watermark_lets_go_only_of_its_own_epoch_and_only_rises(
    outbox: Outbox, tmp_path: Path
) -> None:
    outbox.commit(hits(5))
    publish(outbox, [1, 2, 3, 4, 5])
    assert not outbox.acknowledge("0123456789abcdef", 5)
    assert owed(outbox) == [1, 2, 3, 4, 5]
    outbox.acknowledge(outbox.epoch, 3)
    outbox.acknowledge(outbox.epoch, 2)
    assert (owed(outbox), outbox.floor) == ([4, 5], 4)
    assert [row[2] for row in archive(tmp_path)] == [1, 1, 1, 0, 0]
    counts = outbox.counts()
    assert (counts.hits_made, counts.hits_acknowledged, counts.owed) == (5, 3, {"hit": 2})
    balance(outbox)


def test_a_watermark_does_not_take_what_was_never_published(outbox: Outbox) -> None:
    """A restored card that made hits before it heard the server: other content, same seqs."""
    outbox.commit(hits(4))
    publish(outbox, [1])
    assert not outbox.acknowledge(outbox.epoch, 3)
    assert owed(outbox) == [2, 3, 4]
    publish(outbox, [2, 3])
    outbox.acknowledge(outbox.epoch, 3)
    assert owed(outbox) == [4]


def test_the_brokers_word_lets_go_of_single_messages(outbox: Outbox) -> None:
    outbox.commit(hits(4))
    outbox.broker_ack(outbox.epoch, [2, 4])
    outbox.broker_ack("0123456789abcdef", [1])
    assert (owed(outbox), outbox.floor) == ([1, 3], 1)
    outbox.broker_ack(outbox.epoch, [1])
    assert outbox.floor == 3
    balance(outbox)


@pytest.mark.parametrize("ack", [{"upto": 8}, {"upto": None, "conflict": 6}, {"upto": 500}])
def test_a_new_epoch_keeps_what_is_owed_under_new_keys(
    outbox: Outbox, tmp_path: Path, ack: dict[str, int]
) -> None:
    outbox.commit([*hits(3), draft("exposure"), *hits(2, first=3)])
    publish(outbox, [1, 2, 3, 4, 5, 6])
    outbox.acknowledge(outbox.epoch, 2)
    outbox.refuse(outbox.epoch, 3, "test")
    old = outbox.epoch
    assert owed(outbox) == [4, 5, 6, 7]
    assert outbox.acknowledge(old, **ack)
    assert outbox.epoch != old
    assert owed(outbox) == [1, 2, 3, 4]
    messages = [parse_message(payload) for payload in publish(outbox, [1, 2, 3, 4])]
    assert [message.kind for message in messages] == ["exposure", "hit", "hit", "lost"]
    assert [message.floor for message in messages] == [1, 1, 1, 1]
    lost = messages[3]
    assert isinstance(lost, LostMessage)
    assert (lost.lost_epoch, lost.ranges[0].first_seq) == (old, 3)
    assert [row[:3] for row in archive(tmp_path)] == [
        (old, 1, 1), (old, 2, 1), (old, 3, 0), (outbox.epoch, 2, 0), (outbox.epoch, 3, 0),
    ]  # fmt: skip
    assert all(parse_message(row[3].encode()).seq == row[1] for row in archive(tmp_path))
    assert outbox.counts().totals["rekeyed"] == 4
    assert not outbox.acknowledge(old, 8), "the old epoch's ack is still retained"
    assert outbox.commit(hits(1)) == [5]
    balance(outbox)


def test_a_refused_message_is_set_aside_and_declared_lost(outbox: Outbox, tmp_path: Path) -> None:
    outbox.commit([draft("exposure"), *hits(1)])
    assert outbox.refuse(outbox.epoch, 2, "payload format invalid")
    assert not outbox.refuse(outbox.epoch, 2, "payload format invalid")
    assert owed(outbox) == [1, 3]
    lost = parse_message(publish(outbox, [3])[0])
    assert isinstance(lost, LostMessage)
    assert (lost.reason, lost.kinds) == ("refused", {"hit": 1})
    assert [(r.first_seq, r.last_seq) for r in lost.ranges] == [(2, 2)]
    summary = look_at_outbox(tmp_path)
    assert summary is not None
    assert (summary.set_aside, summary.owed) == (1, {"exposure": 1, "lost": 1})
    balance(outbox)


def test_the_open_exposures_checkpoint_outlives_a_crash(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "cellar-1")
    assert outbox.interrupted() is None
    outbox.commit(hits(1), {"from_utc": "a", "hits": 1})
    outbox.commit(hits(1))
    outbox._store._db.close()  # as a killed process leaves it
    outbox._folder_lock.release()
    again = Outbox.open(tmp_path, "cellar-1")
    assert again.interrupted() == {"from_utc": "a", "hits": 1}
    again.commit([draft("exposure", closed="restart")], None)
    assert again.interrupted() is None
    again.close()
    last = Outbox.open(tmp_path, "cellar-1")
    assert last.interrupted() is None
    last.close()


def test_a_full_file_drops_delivered_hits_then_owed_hits_and_says_so(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "cellar-1", max_bytes=500_000)
    outbox.commit([draft("exposure"), *hits(30)])
    publish(outbox, list(range(1, 21)))
    outbox.acknowledge(outbox.epoch, 20)
    for n in range(200):
        outbox.commit([draft("exposure"), *hits(1, first=100 + n)])
        balance(outbox)
    counts = outbox.counts()
    assert counts.owed["exposure"] == 200
    assert 0 < counts.owed["hit"] < 150
    assert counts.hits_lost == 30 - 19 + 200 - counts.owed["hit"]
    assert counts.owed["lost"] == 1
    assert not any(row[2] for row in archive(tmp_path)), "delivered ones go first"
    declared: set[int] = set()
    for seq, kind in outbox.pending(0, 10_000):
        if kind == "lost":
            lost = parse_message(publish(outbox, [seq])[0])
            assert isinstance(lost, LostMessage)
            assert lost.reason == "outbox_full"
            for part in lost.ranges:
                declared |= set(range(part.first_seq, part.last_seq + 1))
    assert len(declared) == counts.totals["lost"]
    assert declared.isdisjoint(owed(outbox))
    assert (tmp_path / "rig.sqlite").stat().st_size < 600_000
    outbox.close()


def test_the_archive_forgets_its_oldest_delivered_hits(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "cellar-1", archive_rows=10)
    for n in range(30):
        outbox.commit(hits(1, first=n))
        publish(outbox, [n + 1])
        if n >= 5:
            outbox.acknowledge(outbox.epoch, n - 4)
    kept = [row[1] for row in archive(tmp_path)]
    assert kept == list(range(21, 31))
    outbox.close()


def test_a_full_disk_changes_nothing_and_the_same_commit_works_later(outbox: Outbox) -> None:
    outbox.commit(hits(1))
    db = outbox._store._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(OutboxFull, match="full"):
        outbox.commit(hits(20))
    assert owed(outbox) == [1]
    assert outbox.counts().hits_made == 1
    db.execute("PRAGMA max_page_count = 100000")
    assert outbox.commit(hits(20)) == list(range(2, 22))


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_a_disk_without_room_is_one_line_at_the_start_and_passes_later(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from edge.delivery.outbox import Outbox, OutboxFull
from edge.errors import Failed
from tests.edge.delivery.test_outbox import hits
folder = Path(sys.argv[1])
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
limit(10_000)
try:
    Outbox.open(folder / "new", "a")
except Failed as error:
    print("start:", error)
limit(resource.RLIM_INFINITY)
outbox = Outbox.open(folder / "old", "a")
outbox.commit(hits(2))
limit(150_000)
stored = 2
try:
    while True:
        outbox.commit(hits(5))
        stored += 5
except OutboxFull as error:
    print("later:", error)
limit(resource.RLIM_INFINITY)
outbox.commit(hits(5))
print("stored", stored + 5, "owed", len(outbox.pending(0, 10_000)), outbox.counts().hits_made)
outbox.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=REPOSITORY,
    )  # fmt: skip
    first, later, last = done.stdout.splitlines()
    assert first.startswith("start: outbox ")
    assert "--state-dir" in first
    assert later.startswith("later: outbox ")
    words = last.split()
    assert words[1] == words[3] == words[4]
    assert done.stderr == ""


def test_a_state_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failed, match=r"can't be written.*--state-dir"):
        Outbox.open(tmp_path / "file" / "state", "cellar-1")


def test_two_processes_do_not_share_a_state_folder(outbox: Outbox, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="another cosmic-edge uses the state folder"):
        Outbox.open(tmp_path, "cellar-1")
    outbox.close()
    outbox.close()
    Outbox.open(tmp_path, "cellar-1").close()


def test_another_rigs_folder_is_bad_use(outbox: Outbox, tmp_path: Path) -> None:
    outbox.close()
    with pytest.raises(BadUse, match="belongs to rig 'cellar-1', not 'attic'"):
        Outbox.open(tmp_path, "attic")
    Outbox.open(tmp_path, "cellar-1").close()


def test_a_newer_version_and_another_programs_file_are_refused_untouched(tmp_path: Path) -> None:
    Outbox.open(tmp_path, "cellar-1").close()
    db = sqlite3.connect(tmp_path / "rig.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    for call in (lambda: Outbox.open(tmp_path, "cellar-1"), lambda: look_at_outbox(tmp_path)):
        with pytest.raises(Failed, match=r"newer cosmic-edge \(version 99"):
            call()
    other = tmp_path / "other"
    other.mkdir()
    db = sqlite3.connect(other / "rig.sqlite")
    db.execute("CREATE TABLE cats (name)")
    db.close()
    with pytest.raises(Failed, match="another program's database"):
        Outbox.open(other, "cellar-1")


def test_an_unfinished_first_start_is_simply_begun_again(tmp_path: Path) -> None:
    (tmp_path / "rig.sqlite").write_bytes(b"")
    outbox = Outbox.open(tmp_path, "cellar-1")
    assert outbox.commit(hits(1)) == [1]
    assert "damaged_files" not in outbox.counts().totals
    outbox.close()


KILLED = """
import sys
from pathlib import Path
from edge.delivery.outbox import Outbox
from tests.edge.delivery.test_outbox import hits
outbox = Outbox.open(Path(sys.argv[1]), "cellar-1")
first = 0
while True:
    seqs = outbox.commit(hits(3, first), {"frames": first + 3})
    sys.stdout.write(f"{seqs[-1]}\\n")
    sys.stdout.flush()
    first += 3
"""


def test_kill_minus_nine_during_commits_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    done = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)],
            stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
        )  # fmt: skip
        assert process.stdout is not None
        for _ in range(20):
            done = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        done = max([done, *map(int, rest)])
    outbox = Outbox.open(tmp_path, "cellar-1")
    seqs = owed(outbox)
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= done
    interrupted = outbox.interrupted()
    assert interrupted is not None
    last = parse_message(publish(outbox, seqs[-1:])[0])
    assert isinstance(last, HitMessage)
    assert interrupted["frames"] == last.frame + 1, "the checkpoint came with its hits"
    assert len({digest(payload) for payload in publish(outbox, seqs)}) == len(seqs)
    outbox.close()


def test_it_can_be_looked_at_while_the_rig_runs(outbox: Outbox, tmp_path: Path) -> None:
    assert look_at_outbox(tmp_path / "elsewhere") is None
    outbox.commit([draft("exposure"), *hits(2)])
    summary = look_at_outbox(tmp_path)
    assert summary is not None
    assert (summary.rig, summary.epoch, summary.session) == (
        "cellar-1", outbox.epoch, outbox.session,
    )  # fmt: skip
    assert summary.owed == {"exposure": 1, "hit": 2}
    assert json.loads(archive(tmp_path)[0][3])["seq"] == 2


def test_a_closed_outbox_says_so(outbox: Outbox) -> None:
    outbox.close()
    with pytest.raises(RuntimeError, match="closed"):
        outbox.commit(hits(1))
