"""What a collector may be sent, and what must be true of its database afterwards."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter, deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from edge.messages import MAX_MESSAGE_BYTES, encode, envelope, message_id
from edge.server.arrival import Arrival, examine
from edge.server.store import Receipt
from tests.edge.server import databases
from tests.message_examples import body, png
from tests.mutations import VALUES, nonsense, spoil_bytes, spoil_json

KINDS = ("hit", "exposure", "calibration", "lost", "clock")
TABLES = {"hit": "hits", "exposure": "exposures", "calibration": "calibrations"} | {
    "lost": "lost",
    "clock": "clocks",
}
GOOD, BAD, STRANGER = "good-1", "bad-1", "bad-2"
_EPOCHS = ("ab" * 8, "0123456789abcdef")
_CROP = png(8, 8)


@dataclass(frozen=True, slots=True)
class Sent:
    """One publish."""

    topic: str
    payload: bytes
    properties: dict[str, str] = field(default_factory=dict)

    def looked_at(self) -> Arrival:
        """As it reaches the store."""
        return examine(self.topic, self.payload, self.properties)


class Stream:
    """Messages of a rig that is sound, and of others that are not, mixed.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._seq = 0
        self._spoilt_seq = 0
        self._before: deque[Sent] = deque(maxlen=300)

    def good(self) -> Sent:
        """The next message of the sound rig; small, so that many are quickly stored."""
        self._seq += 1
        return self._whole(GOOD, _EPOCHS[0], self._seq, self._seq)

    def spoilt(self) -> Sent:
        """Something of the others."""
        chance = self._chance
        self._spoilt_seq += chance.random() < 0.9  # now and then the same number twice
        rig = chance.choice((BAD, BAD, STRANGER))
        seq = max(1, self._spoilt_seq - chance.choice((0, 0, 0, 1)))
        whole = self._whole(rig, chance.choice(_EPOCHS), seq, chance.randint(1, seq))
        payload, topic, properties = whole.payload, whole.topic, whole.properties
        match chance.randrange(8):
            case 0 | 1 | 2:
                payload = spoil_json(json.loads(payload), chance)
            case 3 | 4:
                payload = spoil_bytes(payload, self._whole(BAD, _EPOCHS[1], 1, 1).payload, chance)
            case 5:
                topic = self._topic(rig)
            case 6:
                properties = self._properties(properties)
            case _:
                payload = self._odd(payload, rig)
        return Sent(topic, payload, properties)

    def batch(self, size: int) -> list[Sent]:
        """A batch with one sound message in five, and one in twenty that was sent before."""
        return [self._next() for _ in range(size)]

    def _next(self) -> Sent:
        dice = self._chance.random()
        if dice < 0.05 and self._before:
            return self._chance.choice(self._before)
        one = self.good() if dice < 0.25 else self.spoilt()
        self._before.append(one)
        return one

    def _whole(self, rig: str, epoch: str, seq: int, floor: int) -> Sent:
        chance = self._chance
        kind = chance.choice(KINDS)
        content = body(kind)
        if kind == "hit":
            content["crop"] |= {"width_px": 8, "height_px": 8, "data": _CROP}
            content["frame"] = chance.randrange(10**6)
        if kind == "lost":  # of another epoch, so that it settles nothing that is counted here
            content |= {"lost_epoch": "fe" * 8, "ranges": [{"first_seq": seq, "last_seq": seq}]}
        message = envelope(
            kind, content, rig=rig, epoch=epoch, seq=seq, floor=floor, origin="simulation"
        )
        properties = {"epoch": epoch, "seq": str(seq), "floor": str(floor)}
        return Sent(f"cosmic-edge/v1/{rig}/{kind}", encode(message), properties)

    def _topic(self, rig: str) -> str:
        return self._chance.choice(
            (
                *(f"cosmic-edge/v1/{rig}/{kind}" for kind in KINDS),
                *("", "/", "cosmic-edge/v1/", f"cosmic-edge/v2/{rig}/hit", "x" * 60_000),
                *(f"cosmic-edge/v1/{STRANGER}/hit", f"cosmic-edge/v1/{rig}\0/hit", "\0"),
                *("cosmic-edge/v1/Bad/hit", "cosmic-edge/v1/\u00e4\U0001f4a5/hit"),
                *(f"cosmic-edge/v1/{rig}/ack", f"cosmic-edge/v1/{'r' * 65}/hit"),
            )
        )

    def _properties(self, good: dict[str, str]) -> dict[str, str]:
        chance = self._chance
        name = chance.choice(("epoch", "seq", "floor", "extra"))
        value = chance.choice(
            ("", "0", "-1", "1", "7", str(2**53), str(2**63), "9" * 30, "\u0663", "\0", "x" * 9000)
        )
        return chance.choice(({}, good | {name: value}, {name: value}))

    def _odd(self, payload: bytes, rig: str) -> bytes:
        """Wrong in what it says of itself, or no message at all."""
        chance, message = self._chance, json.loads(payload)
        match chance.randrange(6):
            case 0:
                message["rig"] = GOOD  # on a topic of its own rig: it must not become the sound one
            case 1:
                seq = chance.choice([value for value in VALUES if type(value) is int])
                message |= {"seq": seq, "id": message_id(rig, message["epoch"], seq)}
            case 2:
                message["schema"] = f"cosmic-edge/{chance.choice(KINDS)}/{chance.choice('129')}"
            case 3:
                message["floor"] = message["seq"] + chance.randint(-1, 1)
            case 4 if chance.random() < 0.02:  # dear: up to the limit, and one beyond
                return payload + b" " * (
                    MAX_MESSAGE_BYTES - len(payload) + chance.choice((0, 0, 1, 9))
                )
            case _:
                return nonsense(chance)
        return encode(message)


class Account:
    """What was sent and what the store said; `check` compares both with the database."""

    def __init__(self, database: str) -> None:
        self._database = database
        self.sent: list[Sent] = []
        self.sums: Counter[str] = Counter()

    def add(self, batch: list[Sent], receipt: Receipt) -> None:
        """Take a batch that was committed."""
        self.sent += batch
        settled = receipt.stored + receipt.duplicates + receipt.quarantined
        assert settled == len(batch), "received = stored + duplicates + quarantined"
        for name in ("stored", "duplicates", "quarantined", "conflicts"):
            self.sums[name] += getattr(receipt, name)

    def check(self) -> Counter[str]:
        """Hold the database against what was sent; returns the quarantine by reason."""
        stored = self._stored()
        assert len(stored) == self.sums["stored"]
        offered = self._offered()
        for key, message in stored.items():
            assert message in offered[key], f"{key} is nothing that was sent"
        sound = {key for key in offered if key[0] == GOOD}
        assert sound <= set(stored), "a sound neighbour is missing"
        self._check_ledger(set(stored))
        reasons = self._reasons()
        assert sum(reasons.values()) == self.sums["quarantined"]
        assert reasons["conflict"] == self.sums["conflicts"]
        return reasons

    def _offered(self) -> dict[tuple[str, str, int], list[Any]]:
        """All that was sent and is plainly a message, by its key: judged without the product."""
        found: dict[tuple[str, str, int], list[Any]] = {}
        for one in self.sent:
            message = _plain(one)
            if message is not None:
                key = message["rig"], message["epoch"], message["seq"]
                found.setdefault(key, []).append(message)
        return found

    def _stored(self) -> dict[tuple[str, str, int], Any]:
        found: dict[tuple[str, str, int], Any] = {}
        for kind, table in TABLES.items():
            crop = ", crop" if kind == "hit" and "://" in self._database else ""
            rows = databases.rows(
                self._database,
                f"SELECT rig, epoch, seq, CAST(message AS text){crop} FROM {table}",
            )
            for rig, epoch, seq, text, *data in rows:
                message = _read(text)
                if data:
                    message["crop"]["data"] = base64.b64encode(data[0]).decode()
                assert (message["rig"], message["epoch"], message["seq"]) == (rig, epoch, seq)
                assert message["schema"] == f"cosmic-edge/{kind}/1"
                assert (rig, epoch, seq) not in found
                found[rig, epoch, seq] = message
        return found

    def _check_ledger(self, stored: set[Any]) -> None:
        rows = databases.rows(self._database, "SELECT rig, epoch, seq, kind FROM ledger")
        assert {tuple(row[:3]) for row in rows if row[3] != "quarantined"} == stored
        settled: dict[tuple[str, str], set[int]] = {}
        for rig, epoch, seq, _ in rows:
            settled.setdefault((rig, epoch), set()).add(seq)
        lost: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for rig, epoch, first, last in databases.rows(
            self._database, "SELECT rig, epoch, first_seq, last_seq FROM lost_ranges"
        ):
            lost.setdefault((rig, epoch), []).append((first, last))
        marks = databases.rows(self._database, "SELECT rig, epoch, floor_high, upto FROM rigs")
        for rig, epoch, floor, upto in marks:
            of = (rig, epoch)
            reached = _reached(floor - 1, settled.get(of, set()), sorted(lost.get(of, [])))
            assert upto == max(reached, upto if upto < floor else 0), of

    def _reasons(self) -> Counter[str]:
        rows = databases.rows(
            self._database, "SELECT reason, sum(times) FROM quarantine GROUP BY reason"
        )
        return Counter({reason: int(times) for reason, times in rows})


def _reached(start: int, there: set[int], lost: list[tuple[int, int]]) -> int:
    """The greatest number up to which nothing after `start` is missing."""
    reached = start
    while True:
        before = reached
        while reached + 1 in there:
            reached += 1
        for first, last in lost:
            if first <= reached + 1:
                reached = max(reached, last)
        if reached == before:
            return reached


def _read(text: str) -> Any:
    """JSON that has one meaning, to the last digit."""

    def refuse(token: str) -> None:
        raise ValueError(f"{token} is not JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name is there twice")
        return dict(pairs)

    return json.loads(text, parse_float=Decimal, parse_constant=refuse, object_pairs_hook=once)


def _plain(one: Sent) -> Any | None:
    """The message, where it is one by its envelope and by its topic; None: it is not."""
    try:
        message = _read(one.payload.decode("utf-8"))
        rig, epoch, seq = message["rig"], message["epoch"], message["seq"]
        kind = message["schema"].removeprefix("cosmic-edge/").removesuffix("/1")
        good = (
            len(one.payload) <= MAX_MESSAGE_BYTES
            and kind in KINDS
            and one.topic == f"cosmic-edge/v1/{rig}/{kind}"
            and 1 <= message["floor"] <= seq < 2**53
            and message["id"] == message_id(rig, epoch, seq)
            and one.properties.get("epoch", epoch) == epoch
            and one.properties.get("seq", str(seq)) == str(seq)
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return message if good else None
