"""The whole clock in made worlds: whatever crystal, ways, liars and daemons do, the bound holds.

In a world the servers are right within the bounds that they state, save a minority of liars; the
crystal stays within the limits. Time passes as told, so a day takes a moment.
"""

from __future__ import annotations

import json
import math
import random
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.clock import SystemClock
from edge.clock.drift import WANDER
from edge.clock.exchange import Rejected, Sample
from edge.clock.ntp import NtpClock
from edge.clock.reading import Reading
from edge.clock.server import Server
from edge.clock.watch import LocalClocks
from edge.messages import ClockMessage, envelope, parse_message
from edge.messages.utc import parse_utc_ns
from tests.edge.clock.rig import unsynced_system

S = 1_000_000_000
UTC0 = 1_790_000_000 * S
HONEST = ("a", "b", "c")
LOOK_S = 2


class World:
    """Boot time runs by `drift` and a wander; a daemon may push it; servers answer at random."""

    def __init__(self, seed: int, drift: float, system: SystemClock, *, wander: float) -> None:
        self.chance = random.Random(seed)
        self.drift, self.wander = drift, wander
        self.boot_ns, self.utc_ns, self.raw_ns = 1000 * S, UTC0 + 1000 * S, 1000 * S
        self.asleep_ns = 0
        self.true: list[tuple[int, int]] = []
        local = LocalClocks(self.read)
        self.clock = NtpClock([*HONEST, "liar"], system, local=local, now=lambda: self.boot_ns)

    def read(self) -> Reading:
        monotonic_ns = self.boot_ns - self.asleep_ns
        return Reading(self.boot_ns, monotonic_ns, self.boot_ns + UTC0, self.raw_ns)

    def pass_s(self, span_s: int, pushed: float = 0.0) -> None:
        """Let time pass; UTC gains on boot time by the drift, and loses where it is pushed."""
        rate = self.drift + self.wander * self.chance.uniform(-1, 1)
        ns = span_s * S
        self.raw_ns += ns
        self.boot_ns += ns + round(ns * pushed)
        self.utc_ns += ns + round(ns * rate)
        self.true.append((self.boot_ns, self.utc_ns))

    def sleep(self, span_s: int) -> None:
        """Suspend: the hardware clock tells boot time how long, to a second."""
        self.utc_ns += span_s * S
        counted_ns = span_s * S + round(self.chance.uniform(-0.9, 0.9) * S)
        self.boot_ns += counted_ns
        self.asleep_ns += counted_ns

    def ask(self, server: Server) -> Sample:
        # One honest server always answers, so that the liar alone never is the majority.
        if server.host != "a" and self.chance.random() < 0.1:
            raise Rejected("No response")
        bound_s = 10 ** self.chance.uniform(-4, -1.3)
        off_ns = round(self.chance.uniform(-1, 1) * bound_s * S)
        if server.host == "liar":
            off_ns += 3 * S
        offset_ns = self.utc_ns - self.boot_ns + off_ns
        return Sample(self.boot_ns, offset_ns, 2 * bound_s, bound_s, 2)

    def poll(self) -> None:
        with patch.object(Server, "ask", lambda server, *_: self.ask(server)):
            for server in self.clock.servers:
                self.clock.poll(server)

    def check_now(self) -> None:
        chain = self.clock.belief.map
        if chain is not None:
            here = chain.resolve(self.boot_ns)
            off_s = abs(here.utc_ns - self.utc_ns) * 1e-9
            assert off_s <= here.bound_s + 1e-7, (off_s, here)

    def check_past(self) -> None:
        chain = self.clock.belief.map
        assert chain is not None
        for boot_ns, utc_ns in self.true:
            here = chain.resolve(boot_ns)
            off_s = abs(here.utc_ns - utc_ns) * 1e-9
            assert off_s <= here.bound_s + 1e-7, (off_s, here, boot_ns)


seeds = st.integers(0, 2**32)
gaps = st.lists(st.integers(2, 1100), min_size=2, max_size=60)


@settings(max_examples=60, deadline=None)
@given(seeds, st.floats(-13e-6, 13e-6), gaps)
def test_bound_holds_by_any_servers_and_drift(seed, drift, waits):
    world = World(seed, drift, unsynced_system(), wander=WANDER / 2)
    world.pass_s(60)
    for wait_s in waits:
        world.poll()
        world.check_now()
        world.pass_s(wait_s)
        world.check_now()
    for _ in range(20):
        world.pass_s(3600)
        world.check_now()
    if world.clock.belief.map is not None:
        world.check_past()


@settings(max_examples=40, deadline=None)
@given(seeds, st.lists(st.floats(-500e-6, 500e-6), min_size=1, max_size=12))
def test_bound_holds_while_a_daemon_pushes_the_clock(seed, pushes):
    world = World(seed, 5e-6, SystemClock(max_error_s=lambda: 15.0), wander=0.0)
    for _ in range(40):
        world.pass_s(LOOK_S)
        world.clock.look_around()
    world.poll()
    for pushed in pushes:
        for look in range(10):
            world.pass_s(LOOK_S, pushed if look < 5 else 0.0)
            world.clock.look_around()
            world.check_now()
        world.poll()
        world.check_now()
    if world.clock.belief.map is not None:
        world.check_past()


@settings(max_examples=40, deadline=None)
@given(seeds, st.lists(st.integers(10, 100_000), min_size=1, max_size=6))
def test_bound_holds_through_suspends(seed, sleeps):
    world = World(seed, -4e-6, unsynced_system(), wander=WANDER / 2)
    world.pass_s(1)
    world.clock.look_around()
    if seed % 2:  # before the first answer
        world.sleep(500)
        world.clock.look_around()
        world.pass_s(1)
    for _ in range(4):
        world.poll()
        world.pass_s(64)
    for slept_s in sleeps:
        world.sleep(slept_s)
        world.clock.look_around()
        world.check_now()
        for _ in range(4):
            world.pass_s(LOOK_S)
            world.poll()
            world.check_now()
        world.pass_s(1000)
        world.check_now()
    if world.clock.belief.map is not None:
        world.check_past()


# -- whatever a minority says ------------------------------------------------------------------


class Hostile(World):
    """Servers are asked at their own pace; liars change what they do; the network fails.

    The crystal is up to 95 ppm off and goes some ppm up and down in hours.
    """

    def __init__(self, seed: int, servers: int, liars: int) -> None:
        self.hosts = [f"s{index}" for index in range(servers)]
        super().__init__(seed, 0.0, unsynced_system(), wander=0.0)
        self.liars = dict.fromkeys(self.chance.sample(self.hosts, liars), ("honest", 0.0))
        self.bounds_s = {host: 10 ** self.chance.uniform(-4, -1.3) for host in self.hosts}
        self.crystal = self.chance.uniform(-95e-6, 95e-6)
        self.period_s = self.chance.uniform(3600, 86_400)
        self.is_down = False
        local = LocalClocks(self.read)
        self.clock = NtpClock(self.hosts, unsynced_system(), local=local, now=lambda: self.boot_ns)
        self.due_ns = dict.fromkeys(self.hosts, 0)

    def ask(self, server: Server) -> Sample:
        if self.is_down or self.chance.random() < 0.08:
            raise Rejected("No response")
        bound_s = self.bounds_s[server.host] * self.chance.uniform(1, 3)
        off_s = self.chance.uniform(-1, 1) * bound_s
        if server.host in self.liars:
            off_s, bound_s = self.lie(server.host, off_s, bound_s)
        offset_ns = self.utc_ns - self.boot_ns + round(off_s * S)
        return Sample(self.boot_ns, offset_ns, 2 * bound_s, bound_s, 2)

    def check_message(self) -> None:
        """What a ``clock`` message says of a span holds, and may be sent."""
        body = self.clock.message(self.true[0][0], self.boot_ns)
        sent = envelope("clock", body, rig="a", epoch="e" * 16, seq=1, floor=1, origin="camera")
        message = parse_message(json.dumps(sent).encode())
        assert isinstance(message, ClockMessage)
        assert message.uncertainty_s is not None
        reference_ns = parse_utc_ns(message.reference_utc)
        for boot_ns, utc_ns in self.true:
            away_ns = boot_ns - message.reference_boot_ns
            dated_ns = reference_ns + away_ns + round(away_ns * message.rate_ppm * 1e-6)
            assert abs(dated_ns - utc_ns) / S <= message.uncertainty_s + 1e-6

    def lie(self, host: str, off_s: float, bound_s: float) -> tuple[float, float]:
        if self.chance.random() < 0.02:
            how = self.chance.choice(["honest", "far", "near", "tight", "dead"])
            far_s = self.chance.choice([-1, 1]) * 10 ** self.chance.uniform(-3, 1.5)
            self.liars[host] = (how, far_s)
        how, far_s = self.liars[host]
        if how == "dead":
            raise Rejected("No response")
        lies = {
            "honest": (off_s, bound_s),
            "far": (off_s + far_s, bound_s),
            "near": (off_s + (2 * bound_s if far_s > 0 else -2 * bound_s), bound_s),
            "tight": (far_s * 0.01, 1e-5),
        }
        return lies[how]

    def run_s(self, span_s: float, step_s: int = 16, pushed: float = 0.0) -> None:
        end_ns = self.boot_ns + round(span_s * S)
        while self.boot_ns < end_ns:
            swing = 4e-6 * math.sin(2 * math.pi * self.utc_ns / S / self.period_s)
            self.drift = self.crystal + swing
            self.pass_s(step_s, pushed)
            self.clock.look_around()
            with patch.object(Server, "ask", lambda server, *_: self.ask(server)):
                for server in self.clock.servers:
                    if self.boot_ns >= self.due_ns[server.name]:
                        self.clock.poll(server)
                        self.due_ns[server.name] = self.boot_ns + round(server.polling.wait_s() * S)
            self.check_now()

    def go_through(self, what: str) -> None:
        if what == "hours":
            self.run_s(self.chance.uniform(600, 20_000))
        elif what == "outage":
            self.is_down = True
            self.run_s(self.chance.uniform(600, 40_000))
            self.is_down = False
            self.run_s(300)
        elif what == "sleep":
            self.sleep(self.chance.randint(10, 50_000))
            self.clock.look_around()
            self.check_now()
            self.run_s(200)
        else:
            pushed = self.chance.choice([-0.05, -500e-6, 500e-6, 0.05])
            self.run_s(self.chance.uniform(4, 40), 2, pushed)
            self.run_s(300)


@settings(max_examples=25, deadline=None)
@given(
    seeds,
    st.sampled_from([(1, 0), (2, 0), (3, 1), (4, 1), (5, 2)]),
    st.lists(st.sampled_from(["hours", "outage", "sleep", "push"]), min_size=2, max_size=6),
)
def test_bound_holds_whatever_a_minority_says_and_the_rig_goes_through(seed, servers, through):
    random.seed(seed)  # the jitter of the polls
    world = Hostile(seed, *servers)
    for what in through:
        world.go_through(what)
    if world.clock.belief.map is not None:
        world.true = world.true[-3000::7]
        world.check_past()
        world.check_message()
