"""kill -9, full disks, copied folders, an emptied database: no hit lost, none doubled.

Each hit is known by its maker and number, which the maker writes down outside its state folder
before and after it hands the hit over.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edge.server.brokers import find_mosquitto
from tests.postgres import why_not
from tests.system.chaos import blows
from tests.system.chaos.audit import audit
from tests.system.chaos.report import table
from tests.system.chaos.rounds import go_through
from tests.system.chaos.world import world

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.postgresql,
    pytest.mark.skipif(find_mosquitto() is None, reason="needs Debian's mosquitto"),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]
BLOWS = (
    blows.cloned,
    blows.restored,
    blows.emptied,
    blows.broker_forgets,
    blows.disk_full,
    blows.database_disk_full,
    blows.log_disk_full,
    blows.hangs,
)
SMALL_OUTBOX = "--rate 60 --max-bytes 400000"
SETTLE_S = 180.0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("rounds", [6, pytest.param(200, marks=pytest.mark.prove)])
def test_every_hit_is_stored_once_or_declared_lost(tmp_path: Path, rounds: int) -> None:
    chance = random.Random(rounds)
    with world(tmp_path) as all_of_it:
        all_of_it.add_rig("one")
        all_of_it.add_rig("two", own_disk=True)
        all_of_it.add_rig("small", options=SMALL_OUTBOX)
        for rig in all_of_it.rigs:
            rig.program.start()
        all_of_it.wait(1.0)
        done = go_through(all_of_it, rounds, chance, BLOWS if rounds > len(BLOWS) * 6 else ())
        owed = all_of_it.settle(SETTLE_S)
        sums = audit(all_of_it.databases, all_of_it.rigs)
        print("\n" + table(all_of_it, done, sums, owed))
    assert done.total() == rounds
    sums.check()
    assert not any(owed.values())
    assert sums.made > 50 * rounds


@pytest.mark.parametrize(
    "blow",
    [blows.cloned, *(pytest.param(blow, marks=pytest.mark.prove) for blow in BLOWS[1:])],
    ids=lambda blow: blow.__name__,
)
def test_every_hit_is_stored_once_after_one_blow(tmp_path: Path, blow: blows.Blow) -> None:
    with world(tmp_path) as all_of_it:
        all_of_it.add_rig("one", own_disk=True).program.start()
        all_of_it.wait(1.5)
        try:
            blow(all_of_it, random.Random(1))
        except blows.NoDisk as why:
            pytest.skip(str(why))
        all_of_it.wait(1.5)
        owed = all_of_it.settle()
        sums = audit(all_of_it.databases, all_of_it.rigs)
    sums.check()
    assert not any(owed.values())
    assert sums.made > 100
