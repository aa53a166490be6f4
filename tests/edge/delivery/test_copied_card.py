"""A state folder that was copied or put back: whose history the server holds, earlier keys."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.delivery.outbox import Outbox, Outgoing
from edge.messages import digest
from tests.edge.delivery.test_outbox import archive, balance, hits, owed, publish


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox.open(tmp_path, "cellar-1")
    yield opened
    opened.close()


def all_out(outbox: Outbox) -> list[Outgoing]:
    return outbox.freeze(outbox.epoch, owed(outbox))


def test_a_watermark_that_stands_on_another_message_lets_nothing_go(outbox: Outbox) -> None:
    """Published, but a clone's message of this seq was first: letting go would lose ours."""
    outbox.commit(hits(4))
    publish(outbox, [1, 2, 3])
    before = outbox.epoch
    assert outbox.acknowledge(outbox.epoch, 3, held=(3, "0" * 64))
    assert outbox.epoch != before
    assert len(owed(outbox)) == 4
    balance(outbox)


def test_a_watermark_that_stands_on_ours_lets_go(outbox: Outbox) -> None:
    outbox.commit(hits(4))
    sent = publish(outbox, [1, 2, 3])
    assert not outbox.acknowledge(outbox.epoch, 3, held=(3, digest(sent[2])))
    assert owed(outbox) == [4]
    # Of what was let go nothing is known any more, and nothing need be.
    assert not outbox.acknowledge(outbox.epoch, 3, held=(3, "0" * 64))


def test_a_watermark_over_what_the_server_does_not_hold_lets_nothing_go(outbox: Outbox) -> None:
    """Its database was emptied, and a clone told it a floor above what we owe."""
    outbox.commit(hits(4))
    publish(outbox, [1, 2, 3])
    assert outbox.acknowledge(outbox.epoch, 3, held=(0, None))
    assert len(owed(outbox)) == 4


def test_a_watermark_that_ends_in_a_declared_loss_lets_go_of_what_is_held(outbox: Outbox) -> None:
    outbox.commit(hits(3))
    sent = publish(outbox, [1, 2, 3])
    outbox.refuse(outbox.epoch, 3, "test")
    assert not outbox.acknowledge(outbox.epoch, 3, held=(2, digest(sent[1])))
    assert owed(outbox) == [4]


def test_what_the_server_could_not_read_is_known_by_its_bytes(outbox: Outbox) -> None:
    """Else the rig would begin a new epoch for ever, and send the same thing in each."""
    outbox.commit(hits(1))
    [sent] = publish(outbox, [1])
    assert not outbox.acknowledge(outbox.epoch, 1, held=(1, hashlib.sha256(sent).hexdigest()))
    assert outbox.is_empty


def test_keys_of_before_travel_beside_a_message_through_every_new_epoch(
    outbox: Outbox, tmp_path: Path
) -> None:
    first = outbox.epoch
    outbox.commit(hits(3))
    assert [out.properties.get("was") for out in all_out(outbox)] == [None] * 3
    outbox.acknowledge(first, 1)
    outbox.acknowledge(first, None, conflict=2)
    second = outbox.epoch
    assert [out.properties["was"] for out in all_out(outbox)] == [f"{first}:2", f"{first}:3"]
    outbox.acknowledge(second, 1)
    outbox.acknowledge(second, 99)
    assert [out.properties["was"] for out in all_out(outbox)] == [f"{first}:3 {second}:2"]
    outbox.commit(hits(1, first=9))
    assert "was" not in all_out(outbox)[-1].properties
    assert len(archive(tmp_path)) == 4


def test_keys_of_before_outlive_a_damaged_file(tmp_path: Path) -> None:
    with closing(Outbox.open(tmp_path, "cellar-1")) as outbox:
        outbox.commit(hits(2))
        first = outbox.epoch
        outbox.acknowledge(first, None, conflict=1)
        second = outbox.epoch
    with closing(sqlite3.connect(tmp_path / "rig.sqlite")) as db:
        db.execute("UPDATE state SET counters = 'torn'")
        db.commit()
    with closing(Outbox.open(tmp_path, "cellar-1")) as outbox:
        told = [out.properties["was"] for out in all_out(outbox) if out.kind == "hit"]
    assert told == [f"{first}:{n} {second}:{n}" for n in (1, 2)]
