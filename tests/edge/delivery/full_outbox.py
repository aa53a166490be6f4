"""Hits of a usual size for outboxes that fill up, and a look into their files."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from edge.crop import encode_png
from edge.delivery.outbox import Outbox
from edge.delivery.ranks import TOP_WORTH
from edge.detection import Crop, Draft
from edge.messages import LostMessage, parse_message
from tests.message_examples import body


@cache
def picture() -> str:
    pixels = np.random.default_rng(3).normal(64, 3, (60, 60)).round().astype(np.uint16)
    return base64.b64encode(encode_png(Crop(pixels, 0, 0))).decode()


def hit(frame: int = 0, artefact: float | None = None, **changes: Any) -> Draft:
    """A hit with a picture of noise; `artefact`: what a model gave that class."""
    made = body("hit", frame=frame, **changes)
    made["crop"] = {**made["crop"], "data": picture()}
    if artefact is not None:
        made["scores"] = {"spot": 1.0 - artefact, "artefact": artefact}
    return Draft("hit", made, "camera")


def other(kind: str) -> Draft:
    return Draft(kind, body(kind), "camera")


def publish(outbox: Outbox, seqs: list[int]) -> list[bytes]:
    return [out.payload for out in outbox.freeze(outbox.epoch, seqs)]


@dataclass(frozen=True)
class Owed:
    """A row of the outbox, its worth worked out from what the message says."""

    seq: int
    kind: str
    frozen: bool
    has_picture: bool
    worth: int


def look(outbox: Outbox) -> dict[int, Owed]:
    """What is owed, by seq."""
    rows = outbox._store._db.execute(
        "SELECT outbox.seq, kind, floor, coalesce(outbox.body, archive.body) FROM outbox "
        "LEFT JOIN archive ON archive.epoch = ? AND archive.seq = outbox.seq",
        (outbox.epoch,),
    )
    return {row[0]: _owed(*row) for row in rows}


def _owed(seq: int, kind: str, floor: int | None, text: str) -> Owed:
    message = json.loads(text)
    has_picture = kind == "hit" and message["crop"]["data"] is not None
    artefact = message["scores"].get("artefact") if kind == "hit" else None
    worth = 5 if artefact is None else round(TOP_WORTH * (1 - artefact))
    if kind == "hit" and artefact is None and message["class"] == "artefact":
        worth = 0
    return Owed(seq, kind, floor is not None, has_picture, worth)


def file_bytes(outbox: Outbox) -> int:
    db = outbox._store._db
    pages, size = (db.execute(f"PRAGMA {n}").fetchone()[0] for n in ("page_count", "page_size"))
    return int(pages * size)


def idle_hits(outbox: Outbox) -> int:
    db = outbox._store._db
    return int(db.execute("SELECT count(*) FROM archive WHERE owed = 0").fetchone()[0])


def owed_seqs(outbox: Outbox) -> list[int]:
    return [seq for seq, _ in outbox.pending(0, 1_000_000)]


def declared(outbox: Outbox, *, counted: bool = True) -> dict[tuple[str, str], list[int]]:
    """Publish all that is owed; what it says is lost, by epoch and reason.

    `counted` False: a declaration was refused, and its parts hold the kinds of all with the first.
    """
    found: dict[tuple[str, str], list[int]] = {}
    seen = 0
    while seqs := [seq for seq, _ in outbox.pending(seen, 64)]:
        for payload in publish(outbox, seqs):
            lost = parse_message(payload)
            if isinstance(lost, LostMessage):
                key = lost.lost_epoch or lost.epoch, lost.reason
                seqs_of = [n for r in lost.ranges for n in range(r.first_seq, r.last_seq + 1)]
                if counted and lost.reason != "damaged":  # nobody knows what could not be read
                    assert sum(lost.kinds.values()) == len(seqs_of)
                found.setdefault(key, []).extend(seqs_of)
        seen = seqs[-1]
    return found


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
