"""A broker, a PostgreSQL, a collector and rigs, all real, all killed at will."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from tests.edge.server.databases import name_of
from tests.postgres import Postgres
from tests.system.chaos.brokers import SERVER, Broker, deployed_broker, peers_broker
from tests.system.chaos.disk import SmallDisk, small_disk
from tests.system.chaos.process import Program
from tests.system.chaos.programs import OURS, Programs
from tests.system.chaos.rig import Rig


class World:
    """All that stands between a hit and the database.

    Made by `world`.

    Attributes
    ----------
    disks : dict of str to SmallDisk
        Those that can be filled: of a rig by its maker, "broker", "data" and "wal" of PostgreSQL.
    falls : int
        How often PostgreSQL ended by itself and was started again.
    """

    def __init__(
        self,
        folder: Path,
        broker: Broker,
        postgres: Postgres,
        opened: ExitStack,
        programs: Programs = OURS,
    ) -> None:
        self._programs = programs
        self.folder = folder
        self._opened = opened
        self.url = broker.url
        self._kept = broker.kept
        self.broker, self.postgres = broker.process, postgres
        self.falls = 0
        self.database = postgres.create()
        self.emptied: list[str] = []
        self.disks: dict[str, SmallDisk] = {}
        self.collector = self._collector()
        self.rigs: list[Rig] = []
        self.kills = dict.fromkeys(("rig", "broker", "collector", "postgresql"), 0)

    def _collector(self) -> Program:
        server = self._programs.server(self.url(SERVER), self.database)
        command = [sys.executable, "-m", *server]
        return Program(command, self.folder / "collector.log")

    def add_rig(
        self, maker: str, *, rig: str = "", options: str = "", own_disk: bool = False
    ) -> Rig:
        """Make a rig; it is not started."""
        if own_disk and (disk := self._opened.enter_context(small_disk(self.folder / maker))):
            self.disks[maker] = disk
        made = Rig(
            self._programs.rig,
            self.folder,
            maker,
            self.url(rig or maker),
            rig=rig or maker,
            options=options,
        )
        self.rigs.append(made)
        return made

    def rig(self, maker: str) -> Rig:
        """The one of this name."""
        return next(rig for rig in self.rigs if rig.maker == maker)

    def kill(self, victim: str, which: int = 0) -> None:
        """End one with SIGKILL."""
        self.kills[victim] += 1
        if victim == "rig":
            self.rigs[which % len(self.rigs)].program.kill()
        elif victim == "broker":
            self.broker.kill()
        elif victim == "collector":
            self.collector.kill()
        else:
            self.postgres.kill()

    def start(self, victim: str, which: int = 0) -> None:
        """Start what was killed; what runs goes on."""
        if victim == "rig":
            self.rigs[which % len(self.rigs)].program.start()
        elif victim == "broker":
            if not self.broker.running:
                self.broker.start()
        elif victim == "collector":
            self.collector.start()
        else:
            self.postgres.start()

    def forget_queue(self) -> None:
        """Remove what the broker, which does not run, has kept."""
        for file in self._kept.glob("mosquitto.db*"):
            file.unlink()

    def empty_database(self) -> None:
        """Put an empty database in the place of the server's; the old one is kept for the sums."""
        name = name_of(self.database)
        old = f"{name}_{len(self.emptied)}"
        for _ in range(100):
            try:
                self.postgres.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    f"WHERE datname = '{name}'"
                )
                self.postgres.execute(f"ALTER DATABASE {name} RENAME TO {old}")
                break
            except psycopg.errors.ObjectInUse:
                continue
        self.postgres.execute(f"CREATE DATABASE {name}")
        self.emptied.append(self.postgres.url(old))

    def end(self) -> None:
        """Kill all that may still run."""
        for program in (self.collector, *(rig.program for rig in self.rigs)):
            program.kill()

    @property
    def databases(self) -> list[str]:
        """The present one last, before it those that were emptied."""
        return [*self.emptied, self.database]

    def supervise_database(self) -> bool:
        """Start PostgreSQL again if it ended by itself; whether it runs then."""
        if self.postgres.running:
            return True
        self.falls += 1
        with suppress(RuntimeError):  # not on a disk that is full
            self.postgres.start()
        return self.postgres.running

    def supervise(self) -> None:
        """Start again what ended by itself, as systemd does."""
        self.collector.supervise()
        for rig in self.rigs:
            rig.program.supervise()

    def wait(self, seconds: float) -> None:
        """Let time pass, supervised."""
        self.until(lambda: False, seconds)

    def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for something, supervised."""
        deadline = time.monotonic() + timeout_s
        while True:
            self.supervise()
            if condition():
                return True
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(0.05, left_s))

    def settle(self, timeout_s: float = 90.0, *, restart: bool = True) -> dict[str, int]:
        """Let every rig deliver what it owes, and end; what each still owes then.

        Waits between attempts have grown in all that trouble: a `restart` forgets them.
        Rigs of one name do so one after the other: a broker takes one of them at a time.
        """
        waiting = list(self.rigs)
        if restart:
            for program in (self.collector, *(rig.program for rig in waiting)):
                program.kill()
        self.collector.start()
        self.wait(2.0)  # what is sent before it listens goes again after a while
        deadline = time.monotonic() + timeout_s
        while waiting and time.monotonic() < deadline:
            turn = {rig.rig: rig for rig in reversed(waiting)}.values()
            self._let_deliver(list(turn), deadline)
            waiting = [rig for rig in waiting if rig not in turn]
        return {rig.maker: rig.owed() for rig in self.rigs}

    def _let_deliver(self, rigs: list[Rig], deadline: float) -> None:
        before = {rig.maker: rig.story.starts for rig in rigs if not rig.program.running}
        for rig in rigs:
            rig.program.start()
        # Asked to end before it listens, a program ends without having done anything.
        self.until(
            lambda: all(rig.story.starts > before.get(rig.maker, 0) for rig in rigs),
            deadline - time.monotonic(),
        )
        self.wait(1.0)
        for rig in rigs:
            rig.program.terminate()
        left_s = deadline - time.monotonic()
        self.until(lambda: not any(rig.program.running for rig in rigs), left_s)
        for rig in rigs:
            rig.program.kill()


@contextmanager
def world(
    folder: Path, *, options: str | None = None, programs: Programs = OURS
) -> Iterator[World]:
    """Everything but the rigs, started; all of it gone afterwards.

    `options` are those of a broker of others; None: deploy/server's.
    """
    with ExitStack() as opened:
        data, data_disk = _disk(opened, "data")
        wal, wal_disk = _disk(opened, "wal")
        # Small pieces, so that a full disk is felt within seconds.
        postgres = Postgres(
            durable=True, data=data, wal=wal, segment_mb=1, min_wal_size="2MB", max_wal_size="64MB"
        )
        opened.callback(postgres.stop)
        broker = opened.enter_context(
            deployed_broker(folder) if options is None else peers_broker(folder, options)
        )
        made = World(folder, broker, postgres, opened, programs)
        disks = {"broker": broker.disk, "data": data_disk, "wal": wal_disk}
        made.disks |= {name: disk for name, disk in disks.items() if disk is not None}
        made.collector.start()
        # Last in, first out: before the disks go.
        opened.callback(made.end)
        yield made


def _disk(opened: ExitStack, name: str) -> tuple[Path, SmallDisk | None]:
    # Not below the test's folder, which is its owner's alone: PostgreSQL has a user of its own.
    folder = Path(opened.enter_context(TemporaryDirectory(prefix=f"cosmic-edge-{name}-")))
    return folder, opened.enter_context(small_disk(folder))
