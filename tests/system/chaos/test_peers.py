"""The same rounds for what the field does: paho's queue, PUBACK as its word, automatic acks.

It is the measure of what the rounds are worth: one in which this loses nothing proves nothing.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edge.server.brokers import find_mosquitto
from tests.edge.server.databases import rows
from tests.postgres import why_not
from tests.system.chaos import blows
from tests.system.chaos.audit import audit
from tests.system.chaos.programs import PEERS
from tests.system.chaos.rounds import go_through
from tests.system.chaos.world import World, world

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.postgresql,
    pytest.mark.skipif(find_mosquitto() is None, reason="needs Debian's mosquitto"),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]
EVERY_CHANGE = """\
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
"""
"""As safe as mosquitto can be made: its file is written after each change, its queue has no end."""
ROUNDS = 40
BLOWS = (blows.broker_forgets, blows.disk_full, blows.database_disk_full, blows.log_disk_full)


@pytest.mark.timeout(400)
@pytest.mark.prove
@pytest.mark.parametrize("broker", ["", EVERY_CHANGE], ids=["defaults", "persistence"])
@pytest.mark.parametrize("queue", ["", "--spool"], ids=["memory", "spool"])
def test_the_peers_lose_or_double_hits_in_the_same_rounds(
    tmp_path: Path, broker: str, queue: str
) -> None:
    with world(tmp_path, options=broker, programs=PEERS) as all_of_it:
        all_of_it.wait(3.0)  # what is sent before the server has subscribed once is nobody's
        for maker in ("one", "two"):
            all_of_it.add_rig(maker, options=f"--rate 100 {queue}").program.start()
        done = go_through(all_of_it, ROUNDS, random.Random(200), BLOWS)
        all_of_it.settle(restart=False)  # it would cost the memory's queue
        _until_quiet(all_of_it)
        sums = audit(all_of_it.databases, all_of_it.rigs)
    print(f"\n{dict(done)}\n{sums}")
    assert sums.unaccounted + sums.duplicates > 0


@pytest.mark.timeout(400)
@pytest.mark.prove
def test_ours_loses_and_doubles_nothing_in_the_same_rounds(tmp_path: Path) -> None:
    with world(tmp_path) as all_of_it:
        all_of_it.wait(3.0)
        for maker in ("one", "two"):
            all_of_it.add_rig(maker).program.start()
        done = go_through(all_of_it, ROUNDS, random.Random(200), BLOWS)
        owed = all_of_it.settle()
        sums = audit(all_of_it.databases, all_of_it.rigs)
    print(f"\n{dict(done)}\n{sums}")
    sums.check()
    assert not any(owed.values())


def _until_quiet(all_of_it: World) -> None:
    """Wait until nothing more is stored."""
    counts = [-1]
    while counts[-1] != (now := rows(all_of_it.database, "SELECT count(*) FROM hits")[0][0]):
        counts.append(now)
        all_of_it.wait(5.0)
