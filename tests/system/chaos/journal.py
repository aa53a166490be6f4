"""What a rig process says it made, outside its state folder: the truth a proof is checked by.

Its lines are on the disk before the rig goes on: ``start``, ``about FIRST LAST`` before hits are
handed to the outbox, ``made NUMBER EPOCH SEQ`` once their commit has returned, ``rest`` when no
more will come. A hit that was only announced may be stored or not; a hit that was made must be.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Story:
    """A journal, read.

    Attributes
    ----------
    announced : int
        Hits 1 to this number may exist.
    made : dict of int to tuple
        Epoch and seq each committed hit was given.
    starts : int
        How often the rig has begun.
    rests : bool
        The rig has made, since its start, all it was to make.
    """

    announced: int = 0
    made: dict[int, tuple[str, int]] = field(default_factory=dict)
    starts: int = 0
    rests: bool = False


class Journal:
    """Appends to a journal; safe to use from two threads."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._lock = threading.Lock()

    def start(self) -> None:
        """Say that the rig begins, and can be asked to end."""
        self._write("start\n")

    def announce(self, first: int, last: int) -> None:
        """Say which hits are about to be handed over."""
        self._write(f"about {first} {last}\n")

    def made(self, hits: Iterable[tuple[int, str, int]]) -> None:
        """Say which hits were committed, and as what."""
        self._write("".join(f"made {number} {epoch} {seq}\n" for number, epoch, seq in hits))

    def rest(self) -> None:
        """Say that no more will come."""
        self._write("rest\n")

    def _write(self, text: str) -> None:
        with self._lock:
            os.write(self._file, text.encode())
            os.fdatasync(self._file)


def read(path: Path) -> Story:
    """Read a journal; a last line that was cut off by a kill was not said."""
    if not path.exists():
        return Story()
    announced, made, starts, rests = 0, {}, 0, False
    for line in path.read_text().splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        rests = line == "rest\n"
        match line.split():
            case ["start"]:
                starts += 1
            case ["about", _, last]:
                announced = max(announced, int(last))
            case ["made", number, epoch, seq]:
                made[int(number)] = (epoch, int(seq))
    return Story(announced, made, starts, rests)
