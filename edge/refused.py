"""Refused candidates that are kept for a person to look at: lines like hits, each with its reason.

They never reach the outbox or the server. Their numbers are of a series of their own, so that no
id is that of a hit.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from edge.detection import Draft
from edge.messages.codec import encode
from edge.messages.envelope import envelope
from edge.outfile import replacing

FILE_NAME = "refused.jsonl"
_KEPT = 500
_SPARE = 100
"""Lines beyond those kept at which the file is written anew: rarely, for the sake of its card."""

_log = logging.getLogger(__name__)


def refused_path(hits: Path) -> Path:
    """Where the refused candidates of a hits file lie."""
    return hits.with_name(hits.name + ".refused.jsonl")


def refused_epoch(epoch: str) -> str:
    """Epoch of the refused beside one of hits."""
    return hashlib.sha256(f"refused/{epoch}".encode()).hexdigest()[:16]


def refused_line(draft: Draft, rig: str, epoch: str, seq: int) -> bytes:
    """Line of a refused candidate; `epoch` is that of the hits."""
    message = envelope(
        "hit",
        draft.body,
        rig=rig,
        epoch=refused_epoch(epoch),
        seq=seq,
        floor=1,
        origin=draft.origin,
    )
    return encode(message) + b"\n"


class RefusedLog:
    """The newest 500 of a rig, in one file of its state folder.

    A line is added as it comes; with 100 more than are kept the file is written anew and takes its
    name when it is whole. A disk that takes nothing costs the lines alone, and is told once.

    Parameters
    ----------
    folder : Path
        State folder of the rig.
    rig, epoch : str
        Of its outbox.
    """

    def __init__(self, folder: Path, rig: str, epoch: str) -> None:
        self._path = folder / FILE_NAME
        self._rig = rig
        self._epoch = epoch
        self._failed = False
        lines = self._read()
        self._count = len(lines)
        self._seq = _last_seq(lines, refused_epoch(epoch))

    def add(self, draft: Draft) -> None:
        """Keep one."""
        self._seq += 1
        line = refused_line(draft, self._rig, self._epoch, self._seq)
        try:
            with self._path.open("ab") as file:
                file.write(line)
            self._count += 1
            if self._count > _KEPT + _SPARE:
                self._cut()
        except OSError as error:
            if not self._failed:
                _log.warning("%s: can't be written (%s)", self._path, error.strerror or error)
            self._failed = True

    def _cut(self) -> None:
        kept = self._read()[-_KEPT:]
        with replacing(self._path) as file:
            file.writelines(kept)
        self._count = len(kept)

    def _read(self) -> list[bytes]:
        """Whole lines; one that a crash cut short gets its end, and is passed over by readers."""
        try:
            content = self._path.read_bytes()
            if content and not content.endswith(b"\n"):
                with self._path.open("ab") as file:
                    file.write(b"\n")
        except OSError:
            return []
        return [line + b"\n" for line in content.split(b"\n") if line]


def _last_seq(lines: list[bytes], epoch: str) -> int:
    """Number to go on from: the newest of this epoch."""
    for line in reversed(lines):
        try:
            message = json.loads(line)
            if message["epoch"] == epoch:
                return int(message["seq"])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return 0
