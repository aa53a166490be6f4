"""The sums of a proof as a table for people."""

from __future__ import annotations

from collections.abc import Mapping

from tests.system.chaos.audit import Sums
from tests.system.chaos.world import World


def table(world: World, rounds: Mapping[str, int], sums: Sums, owed: Mapping[str, int]) -> str:
    """Rounds by kind, then every hit's end."""
    lines = [("rounds", sum(rounds.values()))]
    lines += [(f"  {kind}", count) for kind, count in sorted(rounds.items())]
    lines += [("kill -9", sum(world.kills.values()))]
    lines += [(f"  {victim}", count) for victim, count in world.kills.items()]
    by_themselves = sum(one.exits for one in (world.collector, *(r.program for r in world.rigs)))
    lines += [
        ("ended by themselves, started again", by_themselves),
        ("PostgreSQL ended by itself", world.falls),
        ("rigs", len(world.rigs)),
        ("databases", len(world.databases)),
    ]
    lines += [("hits made", sums.made), ("  stored", sums.stored)]
    lines += [(f"  declared lost, {why}", count) for why, count in sorted(sums.lost.items())]
    lines += [
        ("  unaccounted", sums.unaccounted),
        ("    of these in the quarantine", sums.quarantined),
        ("duplicates", sums.duplicates),
        ("stored, commit unseen", sums.announced_only),
        ("from nowhere", sums.from_nowhere),
        ("still owed", sum(owed.values())),
    ]
    return "\n".join(f"{name:<36}{value:>8}" for name, value in lines)
