"""Confirmed hits sent again, within what the broker takes."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.delivery import BrokerAddress, Outbox
from edge.delivery.archive_again import Confirmed
from edge.delivery.inspect import look_at_outbox
from edge.delivery.sending_again import send_again
from edge.errors import Failed
from tests.edge.delivery.scripted_broker import scripted_broker
from tests.edge.delivery.test_outbox import hits, owed, publish
from tests.edge.delivery.uplinks import RIG, wait_until

COUNT = 30


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    """State folder whose every hit was confirmed."""
    outbox = Outbox.open(tmp_path, RIG)
    outbox.commit(hits(COUNT))
    publish(outbox, owed(outbox))
    outbox.acknowledge(outbox.epoch, COUNT)
    outbox.close()
    return tmp_path


def test_no_more_are_in_flight_than_the_broker_takes(delivered: Path) -> None:
    taken: list[dict[str, int]] = []
    with scripted_broker(receive_maximum=3, verdict=lambda topic, message: None) as broker:
        address = BrokerAddress.parse(broker.url, environ={})
        sending = threading.Thread(
            target=lambda: taken.append(
                send_again(address, Confirmed(delivered), lambda more: None)
            )
        )
        sending.start()
        wait_until(lambda: broker.most_unacknowledged == 3)
        while sending.is_alive():
            broker.release(1)
            sending.join(0.005)
        assert broker.most_unacknowledged == 3
        assert [hit["seq"] for hit in broker.of("hit")] == list(range(1, COUNT + 1))
    assert taken == [{"hit": COUNT}]


def test_a_hit_that_is_too_large_for_the_broker_is_said_and_not_sent(delivered: Path) -> None:
    with scripted_broker(maximum_packet=1000) as broker:
        address = BrokerAddress.parse(broker.url, environ={})
        with pytest.raises(Failed, match="too large for it; raise its largest packet"):
            send_again(address, Confirmed(delivered), lambda more: None)
        assert broker.published == []


@pytest.mark.parametrize("damage", [b"{\xff", b"{", b'{"schema":"cosmic-edge/other/1"}'])
def test_what_is_damaged_is_passed_over_and_what_follows_it_is_sent(
    delivered: Path, damage: bytes
) -> None:
    with contextlib.closing(sqlite3.connect(delivered / "rig.sqlite")) as db, db:
        db.execute("UPDATE archive SET body = CAST(? AS TEXT) WHERE rowid = 2", (damage,))
        db.execute("INSERT INTO delivered VALUES (7, 'e', 1, CAST(? AS TEXT))", (damage,))
    found = Confirmed(delivered)
    assert [one.seq for one in found] == [1, *range(3, COUNT + 1)]
    assert found.damaged == 2


def test_a_card_that_takes_no_writes_can_still_be_looked_at_and_read(delivered: Path) -> None:
    with read_only(delivered):
        summary = look_at_outbox(delivered)
        assert summary is not None
        assert summary.totals["hits_acknowledged"] == COUNT
        assert len(list(Confirmed(delivered))) == COUNT


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nothing be written there, by root neither."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield
        folder.chmod(0o700)
        return
    for options in (["--bind"], ["-o", "remount,ro,bind"]):
        if subprocess.run(["mount", *options, folder, folder], check=False).returncode:
            pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
