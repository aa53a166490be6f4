"""Bits, bytes and pages of the outbox's file changed anywhere: what is sent is what was made."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from edge.delivery.database import APPLICATION_ID, MIGRATIONS
from edge.delivery.outbox import Outbox
from edge.errors import CosmicEdgeError
from edge.messages import HitMessage, LostMessage, Message, parse_message
from tests.edge.delivery.test_outbox import balance, hits, owed, publish
from tests.edge.delivery.test_outbox_damage import COUNT, write_and_crash
from tests.message_examples import body

OWED = set(range(10, COUNT))  # the first ten are delivered
_HEADER = 100


def spoil(data: bytearray, chance: random.Random) -> list[int]:
    """Damage a file as a worn card does; returns where."""
    way, places = chance.randrange(6), []
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        places.append(at)
        match way:
            case 0 | 1:
                data[at] ^= 1 << chance.randrange(8)
            case 2:
                data[at] = chance.choice((0, 0xFF, 0x22))
            case 3:
                page = at // 512 * 512
                data[page : page + 512] = chance.randbytes(512)
            case 4:
                data[at : at + 64] = bytes(len(data[at : at + 64]))
            case _:
                del data[at:]
                break
    return places


def messages(outbox: Outbox) -> list[Message]:
    """All that is owed, as it travels; more than once where damage is seen on the way."""
    for _ in range(3):
        epoch, seqs = outbox.epoch, owed(outbox)
        payloads = publish(outbox, seqs)
        if outbox.epoch == epoch and len(payloads) == len(seqs):
            return [parse_message(payload) for payload in payloads]
    raise AssertionError("the outbox never came to rest")


def check(folder: Path, old: str) -> bool:
    """Open what was damaged; whether damage was noticed."""
    outbox = Outbox.open(folder, "cellar-1")
    found = messages(outbox)
    frames = set()
    for message in found:
        if isinstance(message, HitMessage):
            frames.add(message.frame)
            sent = message.model_dump(by_alias=True, mode="json")
            assert sent == as_made(message)
    lost = [message for message in found if isinstance(message, LostMessage)]
    declared = {
        seq - 1
        for message in lost
        for part in message.ranges
        for seq in range(part.first_seq, part.last_seq + 1)
    }
    noticed = outbox.epoch != old
    assert noticed is (folder / "rig.sqlite.damaged-1").exists()
    assert noticed is (outbox.counts().totals.get("damaged_files", 0) > 0)
    everything_is_declared = any(not message.ranges for message in lost)
    assert frames | declared >= OWED or everything_is_declared
    balance(outbox)
    outbox.commit(hits(1, first=1000))
    again = {one.frame for one in messages(outbox) if isinstance(one, HitMessage)}
    assert 1000 in again
    outbox.close()
    return noticed


def as_made(message: HitMessage) -> dict[str, object]:
    """What was made for its frame, in the envelope that it travels in."""
    whole = {**message.model_dump(by_alias=True, mode="json"), **body("hit", frame=message.frame)}
    return HitMessage.model_validate(whole).model_dump(by_alias=True, mode="json")


def fuzz(folder: Path, count: int) -> None:
    made = folder / "made"
    old = write_and_crash(made)
    sound = (made / "rig.sqlite").read_bytes()
    noticed, refused = 0, list[str]()
    for seed in range(count):
        place = folder / str(seed)
        place.mkdir()
        data = bytearray(sound)
        places = spoil(data, random.Random(seed))
        (place / "rig.sqlite").write_bytes(data)
        try:
            noticed += check(place, old)
        except CosmicEdgeError as error:  # the mark that says whose file it is, or which version
            refused.append(str(error))
            if min(places) >= _HEADER:
                raise
    assert noticed > count // 2
    assert len(refused) <= count // 100
    assert all(line.count("\n") == 0 for line in refused)


def test_whatever_is_damaged_is_sent_as_it_was_made_or_declared_lost(tmp_path: Path) -> None:
    fuzz(tmp_path, 60)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_two_thousand_damaged_files_send_what_was_made_or_declare_it_lost(tmp_path: Path) -> None:
    fuzz(tmp_path, 2000)


def test_damage_in_use_does_not_stop_the_messages_behind_it(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "cellar-1")
    outbox.commit(hits(5))
    old, db = outbox.epoch, outbox._store._db
    flip = "UPDATE archive SET body = replace(body, ':900,', ':901,') WHERE seq = 2"
    assert db.execute(flip).rowcount == 1
    found = messages(outbox)
    assert outbox.epoch != old
    assert [one.frame for one in found if isinstance(one, HitMessage)] == [0, 2, 3, 4]
    lost = [one for one in found if isinstance(one, LostMessage)]
    assert [(part.first_seq, part.last_seq) for part in lost[0].ranges] == [(2, 2)]
    assert lost[0].lost_epoch == old
    balance(outbox)
    outbox.close()


@pytest.mark.parametrize("name", ["clean", "crc32", "peak_adu"])
@pytest.mark.parametrize("letter", [b"\xff", b"z"])
def test_a_column_that_damage_renamed_costs_no_message(
    tmp_path: Path, name: str, letter: bytes
) -> None:
    write_and_crash(tmp_path)
    path = tmp_path / "rig.sqlite"
    data = path.read_bytes()
    at = data.index(f"{name} ".encode())
    path.write_bytes(data[:at] + letter + data[at + 1 :])
    outbox = Outbox.open(tmp_path, "cellar-1")
    assert (tmp_path / "rig.sqlite.damaged-1").exists()
    found = messages(outbox)
    frames = {one.frame for one in found if isinstance(one, HitMessage)}
    assert frames >= OWED or any(isinstance(one, LostMessage) for one in found)
    balance(outbox)
    outbox.close()


def write_without_checksums(folder: Path) -> Path:
    """A file of the version before there were any, as a killed process leaves it."""
    write_and_crash(folder / "new")
    version = next(n for n, step in enumerate(MIGRATIONS) if "crc32" in step)
    path = folder / "rig.sqlite"
    db = sqlite3.connect(path)
    db.executescript(
        f"{';'.join(MIGRATIONS[:version])}; PRAGMA user_version = {version};"
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA journal_mode = WAL;"
    )
    db.execute("ATTACH ? AS new", (str(folder / "new" / "rig.sqlite"),))
    for table in ("state", "outbox", "archive", "checkpoint"):
        names = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
        db.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM new.{table}")
    db.commit()
    db.execute("PRAGMA main.wal_checkpoint(TRUNCATE)")
    db.close()
    return path


@pytest.mark.parametrize("damaged", [False, True])
def test_a_file_of_the_version_before_goes_on_without_checksums(
    tmp_path: Path, damaged: bool
) -> None:
    path = write_without_checksums(tmp_path)
    if damaged:
        db = sqlite3.connect(path)
        root = "SELECT rootpage FROM sqlite_master WHERE name = 'set_aside'"
        page = db.execute(root).fetchone()[0]
        db.close()
        with path.open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 4096)
    outbox = Outbox.open(tmp_path, "cellar-1")
    assert {one.frame for one in messages(outbox) if isinstance(one, HitMessage)} == OWED
    assert (tmp_path / "rig.sqlite.damaged-1").exists() is damaged
    balance(outbox)
    outbox.close()
