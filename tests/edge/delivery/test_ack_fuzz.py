"""Whatever a rig is told in the server's name: it lets go of what was confirmed, and of no more."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from edge.delivery import BrokerAddress, Outbox
from edge.delivery.courier import Courier
from edge.delivery.resend import Ledger
from edge.delivery.transport import Connected, Received, Transport, Waker
from tests.edge.delivery.test_outbox import balance, hits, owed, publish
from tests.edge.delivery.uplinks import ACK_TOPIC, RIG
from tests.mutations import nonsense, spoil_bytes, spoil_json

_OTHER = b'{"epoch":"fefefefefefefefe","conflict":1}'


class Listener:
    """A rig that is connected to nobody, and hears what it is told."""

    def __init__(self, folder: Path) -> None:
        self.outbox = Outbox.open(folder, RIG)
        self.now_s = 0.0
        self.made = 0
        self._waker = Waker()
        transport = Transport(
            BrokerAddress.parse("mqtt://127.0.0.1", environ={}),
            protocol="5",
            client_id=RIG,
            tls=None,
            waker=self._waker,
        )
        self.courier = Courier(
            self.outbox, "server", Ledger(30.0), status=lambda: b"{}", progress=lambda: None
        )
        self.courier.begin(transport, Connected(20, 2**28), self.now_s)

    def more(self) -> None:
        """Find four hits, publish three of them."""
        self.outbox.commit(hits(4, first=self.made))
        self.made += 4
        publish(self.outbox, owed(self.outbox)[:-1])

    def hear(self, payload: bytes) -> None:
        """Take one ack."""
        self.courier.handle(Received(ACK_TOPIC, payload, retained=False), self.now_s)
        self.courier.pump(self.now_s)

    def close(self) -> None:
        self.outbox.close()
        self._waker.close()


def spoilt_ack(epoch: str, seq: int, chance: random.Random) -> bytes:
    """An ack, as it should be or not."""
    upto = max(0, seq + chance.randint(-6, 1))
    ack: dict[str, Any] = {"epoch": epoch, "upto": upto}
    if chance.random() < 0.1:
        ack = {"epoch": epoch, "conflict": max(1, upto)}
    if chance.random() < 0.1:
        ack["epoch"] = chance.choice(("fe" * 8, epoch[:-1], epoch.upper(), ""))
    payload = json.dumps(ack).encode()
    match chance.randrange(4):
        case 0:
            return spoil_json(ack, chance)
        case 1:
            return spoil_bytes(payload, _OTHER, chance)
        case 2 if chance.random() < 0.3:
            return nonsense(chance)
        case _:
            return payload


def plainly(payload: bytes) -> tuple[str, int | None, int | None] | None:
    """Epoch, watermark and conflict that an ack says; None: it is none."""
    try:
        ack = json.loads(payload.decode("utf-8"))
        epoch, upto, conflict = ack["epoch"], ack.get("upto"), ack.get("conflict")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    numbers = [value for value in (upto, conflict) if value is not None]
    sound = set(ack) <= {"epoch", "upto", "conflict"} and numbers
    if not sound or any(type(value) is not int or not 0 <= value < 2**53 for value in numbers):
        return None
    return (epoch, upto, conflict) if conflict != 0 else None


def fuzz(folder: Path, count: int, seed: int) -> None:
    chance = random.Random(seed)
    rig = Listener(folder)
    heard = epochs = 0
    for _ in range(count):
        if len(owed(rig.outbox)) < 4:
            rig.more()
        epoch, before = rig.outbox.epoch, owed(rig.outbox)
        last = before[-1]
        payload = spoilt_ack(epoch, last, chance)
        rig.hear(payload)
        said, after = plainly(payload), owed(rig.outbox)
        twice = any(payload.count(b'"%b"' % name) > 1 for name in (b"epoch", b"upto", b"conflict"))
        if twice and (rig.outbox.epoch, after) == (epoch, before):
            continue  # of two, readers take the first, the last or none
        if said is None or said[0] != epoch:
            assert (rig.outbox.epoch, after) == (epoch, before), payload
        elif said[2] is not None or (said[1] or 0) > last:
            assert rig.outbox.epoch != epoch
            assert len(after) == len(before), "a new epoch owes all that was owed"
            publish(rig.outbox, after[:-1])
            epochs += 1
        else:
            # The newest was never published: what was confirmed is another history's.
            kept = [seq for seq in before if seq > (said[1] or 0) or seq == last]
            assert after == kept, payload
            heard += 1
    balance(rig.outbox)
    assert rig.outbox.counts().totals["committed"] == rig.made
    assert heard > count // 5
    assert epochs > count // 50
    rig.close()


def test_a_spoilt_ack_lets_nothing_go(tmp_path: Path) -> None:
    fuzz(tmp_path, 800, seed=1)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_a_hundred_thousand_spoilt_acks_let_nothing_go(tmp_path: Path) -> None:
    fuzz(tmp_path, 100_000, seed=2)
