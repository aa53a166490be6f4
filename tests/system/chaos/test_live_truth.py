"""The real loop on frames whose hits are known, killed with its server: every hit, every second.

What is checked against is drawn into the frames, not what the rig says it found: a particle in a
frame that an exposure record claims as looked at is in the database once; nothing else is.
"""

from __future__ import annotations

import itertools
import json
import random
import sqlite3
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edge.messages.utc import parse_utc_ns
from edge.server.brokers import find_mosquitto
from tests.edge.server.databases import rows
from tests.postgres import why_not
from tests.system.chaos.drawn import FPS, Place, at_ns, frames
from tests.system.chaos.process import Program
from tests.system.chaos.world import World, world

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.postgresql,
    pytest.mark.skipif(find_mosquitto() is None, reason="needs Debian's mosquitto"),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

CONFIG = """
[calibration]
frames = 30
[outbox]
group_commit_s = 0.2
checkpoint_s = 0.2
"""
SLACK_NS = 50_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """What the check needs of an exposure record."""

    from_ns: int
    to_ns: int
    live_ns: int
    dead_ns: dict[str, int]
    hits: int
    unseen: int

    @property
    def accounted_ns(self) -> int:
        """Live and dead time together."""
        return self.live_ns + sum(self.dead_ns.values())

    def claims(self, at_ns: int, margin_ns: int = SLACK_NS) -> bool:
        """Whether it was looking then, well inside its time and after the gap it begins with."""
        began_ns = self.from_ns + self.dead_ns.get("restart", 0)
        return began_ns + margin_ns < at_ns < self.to_ns - margin_ns


@dataclass(frozen=True, slots=True)
class Seen:
    """A stored hit: where, and the middle of its exposure."""

    place: Place
    middle_ns: int


@dataclass(frozen=True, slots=True)
class Run:
    """One start of the rig: what was drawn into its frames, and when it was killed or ended."""

    truth: frozenset[Place]
    began_ns: int
    ended_ns: int


@pytest.mark.timeout(400)
@pytest.mark.prove
@pytest.mark.parametrize("kills", [25])
def test_a_particle_in_a_claimed_frame_is_stored_once_and_no_other(
    tmp_path: Path, kills: int
) -> None:
    chance = random.Random(kills)
    with world(tmp_path) as all_of_it:
        runs = [_run_and_kill(all_of_it, number, chance) for number in range(kills)]
        runs.append(_run_to_its_end(all_of_it, kills))
        hits, records = _hits(all_of_it.database), _records(all_of_it.database)
    _check_time(records, kills)
    claimed = _check_hits(runs, hits, records)
    assert sum(record.hits for record in records) == len(hits)
    assert claimed > 2 * kills
    print(f"\n{kills} kills, {claimed} particles in claimed frames, {len(hits)} stored")


def _run_and_kill(all_of_it: World, number: int, chance: random.Random) -> Run:
    program, truth = _program(all_of_it, number)
    began_ns, before = time.time_ns(), _made(all_of_it)
    program.start()
    assert all_of_it.until(lambda: _made(all_of_it) >= before + chance.randint(2, 8), 60.0)
    all_of_it.wait(chance.uniform(0.0, 0.4))
    for victim in chance.sample(("broker", "collector", "postgresql"), chance.randint(0, 2)):
        all_of_it.kill(victim)
        all_of_it.wait(chance.uniform(0.0, 0.3))
        all_of_it.start(victim)
    assert program.running, program.log
    program.kill()
    return Run(truth, began_ns, time.time_ns())


def _run_to_its_end(all_of_it: World, number: int) -> Run:
    program, truth = _program(all_of_it, number)
    began_ns, before = time.time_ns(), _made(all_of_it)
    program.start()
    assert all_of_it.until(lambda: _made(all_of_it) >= before + 3, 60.0)
    assert all_of_it.until(lambda: _owed(all_of_it) < 20, 60.0)
    program.terminate()
    assert all_of_it.until(lambda: not program.running, 60.0)
    assert json.loads(program.log.splitlines()[-1])["outbox"] == 0
    return Run(truth, began_ns, time.time_ns())


def _program(all_of_it: World, number: int) -> tuple[Program, frozenset[Place]]:
    path = all_of_it.folder / f"run-{number}.npy"
    pixels, truth = frames(number)
    np.save(path, pixels)
    config = all_of_it.folder / "rig.toml"
    config.write_text(CONFIG)
    command = [
        *(sys.executable, "-m", "edge.cli.main", "run", "--config", str(config)),
        *("--source", f"recording:{path}?paced=1&fps={FPS:g}", "--broker", all_of_it.url("live")),
        *("--rig", "live", "--state-dir", str(all_of_it.folder / "live"), "--json"),
    ]
    return Program(command, all_of_it.folder / f"run-{number}.log"), truth


def _made(all_of_it: World) -> int:
    """Hits in the rig's file."""
    path = all_of_it.folder / "live" / "rig.sqlite"
    return _count(path, "archive")


def _owed(all_of_it: World) -> int:
    """Messages it still owes."""
    return _count(all_of_it.folder / "live" / "rig.sqlite", "outbox")


def _count(path: Path, table: str) -> int:
    try:
        return int(rows(path, f"SELECT count(*) FROM {table}")[0][0]) if path.exists() else 0
    except sqlite3.OperationalError:  # no tables yet
        return 0


def _hits(database: str) -> list[Seen]:
    found = rows(database, "SELECT message FROM hits ORDER BY received_utc, seq")
    return [
        Seen(
            (one["frame"], one["y_px"], one["x_px"]),
            parse_utc_ns(one["time_utc"]),
        )
        for (one,) in found
    ]


def _records(database: str) -> list[Record]:
    found = []
    for (one,) in rows(database, "SELECT message FROM exposures ORDER BY from_utc, to_utc"):
        frames = one["frames"]
        found.append(
            Record(
                *(parse_utc_ns(one["from_utc"]), parse_utc_ns(one["to_utc"])),
                *(one["live_time_ns"], one["dead_time_ns"], one["hits"]),
                sum(frames[name] for name in ("missing", "dropped", "bad", "uncovered")),
            )
        )
    return found


def _check_time(records: list[Record], kills: int) -> None:
    """Records do not overlap, and live and dead time fill the wall's time between them."""
    assert sum("restart" in record.dead_ns for record in records) == kills
    for record in records:
        span_ns = record.to_ns - record.from_ns
        # The clock may be slewed within a record; nothing else may separate the two.
        assert abs(span_ns - record.accounted_ns) < 2_000_000 + span_ns // 1000
    for earlier, later in itertools.pairwise(records):
        assert later.from_ns >= earlier.to_ns - 2_000_000
    wall_ns = records[-1].to_ns - records[0].from_ns
    accounted_ns = sum(record.accounted_ns for record in records)
    assert abs(wall_ns - accounted_ns) < SLACK_NS * len(records) + wall_ns // 100


def _check_hits(runs: list[Run], hits: list[Seen], records: list[Record]) -> int:
    """Particles in frames that a record claims are stored once; how many there are."""
    by_place = {hit.place: hit for hit in hits}
    assert len(by_place) == len(hits), "a hit is stored twice"
    every = frozenset().union(*(run.truth for run in runs))
    assert len(every) == sum(len(run.truth) for run in runs), "two runs look alike"
    assert not set(by_place) - every, "a hit that is none"
    return sum(_check_run(run, by_place, records) for run in runs)


def _check_run(run: Run, by_place: dict[Place, Seen], records: list[Record]) -> int:
    stored = [by_place[place] for place in run.truth if place in by_place]
    if not stored:  # killed before its first hit was committed
        return 0
    first_ns = min(hit.middle_ns - at_ns(hit.place) for hit in stored)
    assert first_ns > run.began_ns
    claimed = 0
    for place in run.truth:
        seen_ns = first_ns + at_ns(place)
        if seen_ns > run.ended_ns:
            continue
        claims = [record for record in records if record.claims(seen_ns)]
        claimed += bool(claims)
        if place not in by_place:
            # A frame the loop never saw is no frame it claims; which one, no record says.
            assert all(record.unseen for record in claims), (place, claims)
        else:
            assert any(record.claims(seen_ns, -SLACK_NS) for record in records), place
    return claimed
