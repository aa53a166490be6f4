"""What can befall a rig and its server beside a kill, as one function each."""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.brokers import Mosquitto
from tests.system.chaos.process import Program
from tests.system.chaos.rig import Rig
from tests.system.chaos.world import World

_NO_ROOM = "No space left on device"
_FELT_S, _BACK_S = 15.0, 60.0
Blow = Callable[[World, random.Random], None]
_HITS = "--hits 80 --rate 150"


class NoDisk(Exception):
    """A small disk is wanted and can't be mounted here: the blow is left out."""


def need_disk(world: World, name: str) -> None:
    """Go on only where there is such a disk.

    Raises
    ------
    NoDisk
        There is none.
    """
    if name not in world.disks:
        raise NoDisk("no disk can be mounted here")


def restored(world: World, chance: random.Random) -> None:
    """Put the state folder of a rig back to what it was some time ago, once all is delivered."""
    rig = world.add_rig(f"restored-{len(world.rigs)}", options=_HITS)
    copy = _copied_at_work(world, rig, chance)
    rig.program.start()
    told = world.until(lambda: rig.rests and rig.owed() == 0, 30.0)
    rig.program.kill()
    # Else the operator throws away with the folder what it still owed.
    if told and rig.owed() == 0:
        shutil.rmtree(rig.state)
        copy.rename(rig.state)
    rig.program.start()


def cloned(world: World, chance: random.Random) -> None:
    """Copy the state folder of a rig into a second one of the same name; both go on."""
    name = f"cloned-{len(world.rigs)}"
    rig = world.add_rig(name, options=_HITS)
    copy = _copied_at_work(world, rig, chance)
    clone = world.add_rig(f"{name}-clone", rig=name, options=_HITS)
    clone.state.parent.mkdir(parents=True, exist_ok=True)
    copy.rename(clone.state)
    for one in chance.sample([rig, clone], 2):
        one.program.start()
        world.wait(chance.uniform(0.0, 1.0))


def emptied(world: World, chance: random.Random) -> None:
    """Give the server an empty database in place of its own."""
    if chance.random() < 0.5:
        world.collector.kill()
    world.empty_database()
    world.collector.start()


def broker_forgets(world: World, chance: random.Random) -> None:
    """Kill the broker, and take from it all that it has kept."""
    world.broker.kill()
    world.wait(chance.uniform(0.0, 0.3))
    world.forget_queue()
    world.broker.start()


def disk_full(world: World, chance: random.Random) -> None:
    """Fill the disk of a rig or of the broker for some seconds; now and then kill what is on it."""
    need_disk(world, "broker")
    victim = chance.choice(sorted(set(world.disks) - {"data", "wal"}))
    world.disks[victim].fill()
    world.wait(chance.uniform(0.3, 2.0))
    if chance.random() < 0.5:
        _kill_on_full_disk(world, victim)
        world.wait(chance.uniform(0.2, 1.0))
    world.disks[victim].free()
    world.start("broker")


def database_disk_full(world: World, chance: random.Random) -> None:
    """Fill the disk of PostgreSQL's data; what it can't write, it refuses."""
    _fill_database(world, chance, "data")


def log_disk_full(world: World, chance: random.Random) -> None:
    """Fill the disk of PostgreSQL's log, without which it ends by itself."""
    _fill_database(world, chance, "wal")


def hangs(world: World, chance: random.Random) -> None:
    """Let a rig, the collector or the broker stand still for a while, and then go on."""
    rig = chance.choice(world.rigs).program
    programs: list[Program | Mosquitto] = [world.collector, rig, world.broker]
    stopped = chance.choice(programs)
    stopped.signal(signal.SIGSTOP)
    world.wait(chance.uniform(0.5, 3.0))
    stopped.signal(signal.SIGCONT)


def _fill_database(world: World, chance: random.Random, disk: str) -> None:
    """Fill a disk of the database's until it feels it, and give room again.

    Where it ended by itself it is started again and again, as systemd would: on the full disk, and
    once there is room.
    """
    need_disk(world, disk)
    felt = world.postgres.log.count(_NO_ROOM)
    world.disks[disk].fill()
    assert world.until(lambda: _feels(world, disk, felt), _FELT_S), world.postgres.log[-500:]
    for _ in range(chance.randint(1, 4)):
        world.wait(chance.uniform(0.1, 0.7))
        world.supervise_database()
    world.disks[disk].free()
    assert world.until(world.supervise_database, _BACK_S), world.postgres.log[-500:]


def _feels(world: World, disk: str, before: int) -> bool:
    if world.postgres.log.count(_NO_ROOM) > before:
        return True
    with suppress(psycopg.Error):  # it has no room even for that, or is ending
        if disk == "wal":
            # Room that it put by for its log is used up sooner.
            world.postgres.execute("SELECT pg_switch_wal()")
        else:
            world.postgres.execute("CREATE TABLE filling AS SELECT generate_series(1, 10000)")
    return False


def _kill_on_full_disk(world: World, victim: str) -> None:
    if victim != "broker":
        world.rig(victim).program.kill()
        world.rig(victim).program.start()
        return
    world.broker.kill()
    with suppress(AssertionError):  # it may not start on such a disk
        world.broker.start()


def _copied_at_work(world: World, rig: Rig, chance: random.Random) -> Path:
    """Let a rig begin, kill it on the way, and copy its state folder."""
    rig.program.start()
    assert world.until(lambda: bool(rig.story.made), 30.0), rig.program.log
    world.wait(chance.uniform(0.0, 1.0))
    rig.program.kill()
    copy = rig.state.with_name("copy")
    shutil.copytree(rig.state, copy)
    return copy
