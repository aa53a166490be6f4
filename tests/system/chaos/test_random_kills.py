"""kill -9 of rig, broker, collector and PostgreSQL at random moments: no hit lost, none doubled."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edge.server.brokers import find_mosquitto
from tests.postgres import why_not
from tests.system.chaos.audit import audit
from tests.system.chaos.rounds import kill_at_random
from tests.system.chaos.world import world

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.postgresql,
    pytest.mark.skipif(find_mosquitto() is None, reason="needs Debian's mosquitto"),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]


@pytest.mark.timeout(480)
@pytest.mark.parametrize("rounds", [6, pytest.param(200, marks=pytest.mark.prove)])
def test_every_hit_is_stored_once_whoever_is_killed(tmp_path: Path, rounds: int) -> None:
    with world(tmp_path) as all_of_it:
        for maker in ("one", "two"):
            all_of_it.add_rig(maker, options="--rate 100").program.start()
        tally = kill_at_random(all_of_it, rounds, random.Random(rounds))
        owed = all_of_it.settle()
        sums = audit([all_of_it.database], all_of_it.rigs)
    print(f"\n{tally.by_victims}\n{all_of_it.kills}\n{sums}\n{owed}")
    assert tally.rounds == rounds
    sums.check()
    assert not any(owed.values())
    assert sums.made > 50 * rounds
