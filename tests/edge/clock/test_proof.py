"""The clock against real servers: three honest chronyd, one 2.5 s off, and a way that takes time.

A trial is a clock of its own that asks every server eight times. The honest servers serve this
machine's own clock, so the truth is known to the resolution of a comparison.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.clock import boottime_ns, compare_clocks
from edge.clock.ntp import NtpClock
from tests.edge.clock.rig import chronyd, free_port, slow_way, unsynced_system

SHIFT_S = 2.5
POLLS = 8


@dataclass(frozen=True)
class Fleet:
    """Ports of the honest servers, and of the false one."""

    honest: tuple[int, int, int]
    false: int


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder: Path = tmp_path_factory.mktemp("fleet")
    with contextlib.ExitStack() as stack:
        ports = [free_port() for _ in range(4)]
        for port in ports:
            shift_s = SHIFT_S if port == ports[3] else 0.0
            stack.enter_context(chronyd(folder, port, shift_s=shift_s))
        yield Fleet((ports[0], ports[1], ports[2]), ports[3])


@dataclass(frozen=True)
class Trial:
    """One run: was the false server found out, the true error and the stated bound in s."""

    outvoted: bool
    error_s: float
    bound_s: float
    allowed_s: float


def trial(honest: list[str], false: str, polls: int = POLLS) -> Trial:
    clock = NtpClock([*honest, false], unsynced_system(), timeout_s=2.0)
    for _ in range(polls):
        for server in clock.servers:
            assert clock.poll(server) is not None, server.error
    selection = clock.belief.selection
    assert selection is not None, clock.belief.why
    now = boottime_ns()
    stamp = clock.stamp(now)
    assert stamp.state == "synced"
    assert stamp.uncertainty_s is not None
    error_s = abs(stamp.utc_ns - now - compare_clocks().offset_ns) * 1e-9
    chosen = next(one for one in clock.servers if one.name == selection.chosen.name)
    best = chosen.best(now)
    assert best is not None
    allowed_s = best.bound_s + 1e-3  # half the round trip + the server's root distance + 1 ms
    return Trial(selection.falsetickers == (false,), error_s, stamp.uncertainty_s, allowed_s)


def summary(trials: list[Trial]) -> str:
    errors = sorted(one.error_s for one in trials)
    bounds = sorted(one.bound_s for one in trials)
    middle = len(trials) // 2
    inside = sum(one.error_s <= one.bound_s for one in trials)
    return (
        f"{len(trials)} trials: false server outvoted in {sum(one.outvoted for one in trials)}, "
        f"error within the bound in {inside}; error median {errors[middle] * 1e6:.2f} µs, "
        f"largest {errors[-1] * 1e6:.2f} µs; bound median {bounds[middle] * 1e6:.2f} µs, "
        f"largest {bounds[-1] * 1e6:.2f} µs"
    )


def check(trials: list[Trial]) -> None:
    print(summary(trials))
    assert all(one.outvoted for one in trials)
    assert sum(one.error_s <= one.bound_s for one in trials) >= 0.999 * len(trials)
    assert all(one.bound_s <= one.allowed_s for one in trials)


def at_home(port: int) -> str:
    return f"127.0.0.1:{port}"


def direct(fleet: Fleet, count: int) -> None:
    honest = [at_home(port) for port in fleet.honest]
    trials = [trial(honest, at_home(fleet.false)) for _ in range(count)]
    check(trials)
    assert sum(one.bound_s <= 1e-3 for one in trials) >= 0.999 * count


def far_away(fleet: Fleet, count: int, workers: int) -> None:
    def some(seed: int) -> list[Trial]:
        with contextlib.ExitStack() as stack:
            ways = [
                stack.enter_context(slow_way(port, 10 * seed + index))
                for index, port in enumerate([*fleet.honest, fleet.false])
            ]
            return [trial(ways[:3], ways[3]) for _ in range(count // workers)]

    with ThreadPoolExecutor(workers) as pool:
        trials = [one for part in pool.map(some, range(workers)) for one in part]
    check(trials)


def test_false_server_is_outvoted_and_the_bound_holds(fleet: Fleet) -> None:
    direct(fleet, 40)


def test_bound_holds_where_the_way_there_is_not_the_way_back(fleet: Fleet) -> None:
    far_away(fleet, 12, 4)


@pytest.mark.prove
@pytest.mark.timeout(400)
def test_thousand_trials_on_loopback(fleet: Fleet) -> None:
    direct(fleet, 1000)


@pytest.mark.prove
@pytest.mark.timeout(400)
def test_thousand_trials_over_slow_ways(fleet: Fleet) -> None:
    far_away(fleet, 1000, 8)
