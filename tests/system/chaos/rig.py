"""A rig process with its folders, seen from outside."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from tests.system.chaos.journal import Story, read
from tests.system.chaos.process import Program


class Rig:
    """A rig process with its folders."""

    def __init__(
        self, program: str, folder: Path, maker: str, broker: str, *, rig: str, options: str
    ) -> None:
        self.maker, self.rig = maker, rig
        self.state = folder / maker / "state"
        self.journal = folder / f"{maker}.journal"
        self.state.parent.mkdir(parents=True, exist_ok=True)
        command = [
            *(sys.executable, "-m", program),
            *("--state", str(self.state), "--journal", str(self.journal)),
            *("--broker", broker, "--rig", rig, "--maker", maker, *options.split()),
        ]
        self.program = Program(command, folder / f"{maker}.log")

    @property
    def story(self) -> Story:
        """What it says it has made."""
        return read(self.journal)

    @property
    def rests(self) -> bool:
        """Whether it has made all it was to make since its start."""
        return self.program.running and self.story.rests

    def owed(self) -> int:
        """Messages in the outbox."""
        path = self.state / "rig.sqlite"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
                return int(db.execute("SELECT count(*) FROM outbox").fetchone()[0])
        except sqlite3.OperationalError:
            return 0 if not path.exists() else -1
