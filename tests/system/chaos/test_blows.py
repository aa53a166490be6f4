"""A folder copied or put back, a database emptied, a full disk: no hit lost, none doubled."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edge.server.brokers import find_mosquitto
from tests.postgres import why_not
from tests.system.chaos import blows
from tests.system.chaos.audit import audit
from tests.system.chaos.world import world

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.postgresql,
    pytest.mark.skipif(find_mosquitto() is None, reason="needs Debian's mosquitto"),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]


BLOWS = [blows.restored, blows.cloned, blows.emptied, blows.broker_forgets, blows.disk_full]


@pytest.mark.parametrize("blow", BLOWS)
def test_every_hit_is_stored_once(tmp_path: Path, blow: blows.Blow) -> None:
    with world(tmp_path) as all_of_it:
        all_of_it.add_rig("one", own_disk=True).program.start()
        all_of_it.wait(1.5)
        blow(all_of_it, random.Random(1))
        all_of_it.wait(3.0)
        owed = all_of_it.settle()
        sums = audit(all_of_it.databases, all_of_it.rigs)
    print(f"\n{sums}\n{owed}")
    sums.check()
    assert not any(owed.values())
