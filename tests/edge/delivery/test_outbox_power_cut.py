"""What a power cut takes back must not let a message change that was published.

A cut is played by putting back the file and its log as they were at the last write that waited for
the disk: what SQLite promises of the others is no more than that.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.delivery.outbox import Outbox
from edge.messages import digest
from tests.edge.delivery.full_outbox import hit, look, owed_seqs, publish

CAP_BYTES = 600_000


def opened(folder: Path) -> Outbox:
    return Outbox.open(folder, "cellar-1", max_bytes=CAP_BYTES)


class Disk:
    """Keeps a copy of the folder as of the last durable write."""

    def __init__(self, outbox: Outbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.copy = folder, folder.with_name(folder.name + "-disk")
        store, write = outbox._store, outbox._store.write

        def watched(work: Callable[..., object], *, durable: bool = True) -> object:
            result = write(work, durable=durable)
            if durable:
                self.keep()
            return result

        monkeypatch.setattr(store, "write", watched)
        self.keep()

    def keep(self) -> None:
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.folder, self.copy)

    def cut(self, outbox: Outbox) -> None:
        outbox._store._db.close()
        outbox._folder_lock.release()
        shutil.rmtree(self.folder)
        shutil.copytree(self.copy, self.folder)


def fill(outbox: Outbox, count: int, first: int) -> None:
    for n in range(first, first + count):
        outbox.commit([hit(n)])


def test_pictures_of_what_may_have_been_published_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "state"
    outbox = opened(folder)
    fill(outbox, 40, 0)
    disk = Disk(outbox, folder, monkeypatch)
    sent: dict[int, bytes] = {}
    for first in (1, 11, 21):
        seqs = [*range(first, first + 10)]
        sent |= zip(seqs, publish(outbox, seqs), strict=True)
    disk.cut(outbox)
    again = opened(folder)
    frozen = [seq for seq, one in look(again).items() if one.frozen]
    assert frozen == [*range(1, 11)], "the rest of it was taken back"
    fill(again, 120, 40)
    assert again.counts().totals["pictures_dropped"] > 20
    still = [seq for seq in sent if seq in owed_seqs(again)]
    assert len(still) == 30
    assert [digest(payload) for payload in publish(again, still)] == [
        digest(sent[seq]) for seq in still
    ]
    bare = [seq for seq, one in look(again).items() if not one.has_picture]
    assert min(bare) == 41, "all that was there at the cut is in doubt, nothing after it"
    again.close()
    last = opened(folder)
    fill(last, 20, 160)
    assert all(one.has_picture for seq, one in look(last).items() if seq <= 40), "and stays so"
    last.close()


def test_what_a_declaration_told_is_on_the_disk_before_it_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "state"
    outbox = opened(folder)
    fill(outbox, 600, 0)
    assert outbox.counts().hits_lost > 0
    disk = Disk(outbox, folder, monkeypatch)
    publish(outbox, owed_seqs(outbox)[:1])
    (seq,) = [seq for seq, one in look(outbox).items() if one.kind == "lost"]
    (payload,) = publish(outbox, [seq])
    disk.cut(outbox)
    again = opened(folder)
    fill(again, 200, 600)
    assert [digest(one) for one in publish(again, [seq])] == [digest(payload)]
    again.close()


def test_reserving_waits_for_the_disk_once_in_a_thousand_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox.open(tmp_path, "cellar-1")
    outbox.commit([hit(n) for n in range(1500)])
    seen: list[bool] = []
    write = outbox._store.write

    def watched(work: Callable[..., object], *, durable: bool = True) -> object:
        seen.append(durable)
        return write(work, durable=durable)

    monkeypatch.setattr(outbox._store, "write", watched)
    for first in range(1, 1500, 20):
        publish(outbox, list(range(first, min(first + 20, 1501))))
    assert seen.count(True) == 2
    outbox.close()
