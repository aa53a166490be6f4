"""UTC from NTP servers, for a rig without a clock daemon or beside one.

Background threads ask the configured servers; each answer is put to the vote
(`edge.clock.selection`) and the majority's becomes part of the map from boot time to UTC
(`edge.clock.map`). Unreachable servers, bad names and nonsense are results like any other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from edge.clock.base import UNSYNCED_BOUND_S, Clock, Stamp, boottime_ns
from edge.clock.belief import PATIENCE, Belief, disturbed, judge, leap_of
from edge.clock.disturbance import before_start, disturbances, undisturbed
from edge.clock.era import FLOOR_S
from edge.clock.exchange import Rejected, Sample
from edge.clock.knot import Resolved
from edge.clock.leap import LEAP_S
from edge.clock.polling import POLL_S, SLOWEST_POLL_S, Polling
from edge.clock.server import Server, parse_server
from edge.clock.status import ClockStatus, status_of
from edge.clock.system import SystemClock
from edge.clock.watch import LocalClocks

_WATCH_S = 2.0
_LOG = logging.getLogger(__name__)


class NtpClock:
    """Dates boot time by NTP servers; falls back on the system's clock.

    Where both know the time, the one with the smaller bound answers. synced: a majority confirmed
    it within eight polls; holdover: not any more, its bound grows; unsynced: never, or a bound of
    16 s and more.

    Parameters
    ----------
    servers : sequence of str
        ``host`` or ``host:port``.
    system : Clock
        The clock to fall back on.
    timeout_s : float
        Longest wait for an answer of one address.
    poll_s : tuple of float
        Shortest and longest wait between two polls of a server.
    floor_s : int
        Unix time that surely is past, such as the last that was stored (`edge.clock.era`).
    patience : int
        Polls for which a server that is silent is waited for before others are believed.
    local : LocalClocks
        Watches the computer's own clocks.
    now : callable
        Boot time in ns.
    """

    def __init__(
        self,
        servers: Sequence[str],
        system: Clock | None = None,
        timeout_s: float = 5.0,
        *,
        poll_s: tuple[float, float] = (POLL_S, SLOWEST_POLL_S),
        floor_s: int = FLOOR_S,
        patience: int = PATIENCE,
        local: LocalClocks | None = None,
        now: Callable[[], int] = boottime_ns,
    ) -> None:
        self._servers = [parse_server(text) for text in servers]
        least_s, most_s = min(poll_s), max(poll_s)
        for server in self._servers:
            server.polling = Polling(least_s, most_s, least_s)
        self._system = system or SystemClock()
        self._timeout_s, self._floor_s, self._now = timeout_s, floor_s, now
        self._patience = patience
        self._local = local or LocalClocks()
        self._belief = Belief(past=before_start(self._local.begun))
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._wake = [threading.Event() for _ in self._servers]
        self._threads: list[threading.Thread] = []

    @property
    def servers(self) -> tuple[Server, ...]:
        """The servers and what came of asking them; read it, don't change it."""
        return tuple(self._servers)

    @property
    def belief(self) -> Belief:
        """What is believed now; its `map` resolves any instant of this boot."""
        return self._belief

    @property
    def boot_id(self) -> str | None:
        """The kernel's id of this boot."""
        return self._system.boot_id

    def boottime_ns(self) -> int:
        """Now, on CLOCK_BOOTTIME."""
        return self._now()

    def start(self) -> None:
        """Begin to ask, one thread a server, so that a dead one keeps nobody waiting."""
        targets = [
            (f"ntp {server.host}", self._run, (server, wake))
            for server, wake in zip(self._servers, self._wake, strict=True)
        ]
        for name, target, parts in targets:
            thread = threading.Thread(target=target, args=parts, name=name, daemon=True)
            self._threads.append(thread)
        if targets:
            self._threads.append(
                threading.Thread(target=self._watch, name="ntp watch", daemon=True)
            )
        for thread in self._threads:
            thread.start()

    def close(self, timeout_s: float = 1.0) -> None:
        """Stop asking; a look-up that hangs is left to end by itself."""
        self._closed.set()
        for wake in self._wake:
            wake.set()
        deadline_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))

    def poll(self, server: Server) -> Sample | None:
        """Ask one server now and put it to the vote; None, and `error` says why, on failure."""
        server.asked += 1
        asked_ns = self._now()
        sample, why = None, Rejected("")
        try:
            sample = server.ask(self._timeout_s, self._floor_s)
        except Rejected as error:
            why = error
        self.look_around()  # what happened to boot time meanwhile counts before the answer does
        corrected = self._system.is_known()
        with self._lock:
            before, now_ns = self._belief, self._now()
            if sample is not None:
                sample = undisturbed(sample, asked_ns, before.past)
                why = Rejected("the computer slept while it was asked")
            server.finished += 1
            is_back = sample is not None and not any(one.reach for one in self._servers)
            if sample is None:
                server.fail(why)
            else:
                server.take(sample, before.rate)
                server.polling.went_well()
            if is_back:  # who else was silent during the outage is to be heard as well
                for one in self._servers:
                    one.unheard = 0
            self._belief = judge(
                before, self._servers, now_ns, corrected=corrected, patience=self._patience
            )
            surprised = self._belief.surprises > before.surprises
        if surprised:
            self._ask_again(Polling.was_odd)
        elif is_back:
            self._ask_again(Polling.begin_anew, silent=True)
        return sample

    def look_around(self) -> None:
        """See whether this computer slept or its wall clock was set; after sleep ask at once."""
        with self._lock:
            change, now_ns = self._local.look(), self._now()
            leap = leap_of(self._belief, now_ns)
            for what in [*disturbances(change, now_ns), *leap]:
                # A step of the wall clock is none: the map is one of boot time.
                self._belief = disturbed(self._belief, what)
                for server in self._servers:
                    server.widen(what.error_s)
            if not change.asleep_ns and not leap:
                return
            for server in self._servers:
                if change.asleep_ns:
                    server.forget()
                server.polling.begin_anew()
        for wake in self._wake:
            wake.set()

    def stamp(self, time_ns: int) -> Stamp:
        """Date an instant of boot time, past or near future."""
        system, belief = self._system.stamp(time_ns), self._belief
        if belief.map is None:
            return system
        here, fresh = belief.resolve(belief.map, time_ns), belief.is_fresh(self._now())
        surer = system.uncertainty_s is not None and system.uncertainty_s < here.bound_s
        if surer and not (fresh and _contradicts(system, here)):
            return system  # one daemon does not outweigh a majority that contradicts it
        if here.bound_s >= UNSYNCED_BOUND_S:
            return Stamp(here.utc_ns, None, "unsynced")
        return Stamp(here.utc_ns, here.bound_s, "synced" if fresh else "holdover")

    def is_known(self) -> bool:
        """Whether UTC is known now, within a stated bound."""
        return self.stamp(self._now()).state != "unsynced"

    def status(self) -> ClockStatus:
        """What is known of the servers and of this clock."""
        now_ns = self._now()
        with self._lock:
            return status_of(self.stamp(now_ns), self._belief, self._servers, self._local, now_ns)

    def message(self, from_boot_ns: int, to_boot_ns: int) -> dict[str, Any] | None:
        """Body of a ``clock`` message for a span, by the map or, where that is surer, the system.

        Not by a system that contradicts a fresh majority, as in `stamp`. None before the first
        sync.
        """
        belief, by_system = self._belief, self._system.message(from_boot_ns, to_boot_ns)
        chain = belief.map
        if chain is None or self.boot_id is None:
            return by_system
        state = self.stamp(to_boot_ns).state
        by_map = chain.to_json(from_boot_ns, to_boot_ns) | {"boot_id": self.boot_id, "state": state}
        if belief.may_have_leapt(chain.resolve(to_boot_ns)):
            by_map["uncertainty_s"] += LEAP_S
        if by_system is None or by_system["uncertainty_s"] is None:
            return by_map
        if belief.is_fresh(self._now()) and any(
            _contradicts(self._system.stamp(at_ns), belief.resolve(chain, at_ns))
            for at_ns in (from_boot_ns, to_boot_ns)
        ):
            return by_map
        return min(by_map, by_system, key=lambda told: float(told["uncertainty_s"]))

    def _ask_again(self, how: Callable[[Polling], None], *, silent: bool = False) -> None:
        """Ask all, or those that were silent, sooner than was meant: find out who is right."""
        with self._lock:
            for server in self._servers:
                if not (silent and server.reach):
                    how(server.polling)
        for wake in self._wake:
            wake.set()

    def _run(self, server: Server, wake: threading.Event) -> None:
        while not self._closed.is_set():
            self._survive(lambda: self.poll(server))
            asked_ns = boottime_ns()
            while not self._closed.is_set():
                due_ns = asked_ns + int(server.polling.wait_s() * 1e9)
                if not wake.wait(max(due_ns - boottime_ns(), 0) * 1e-9):
                    break
                wake.clear()  # the wait has changed

    def _watch(self) -> None:
        while not self._closed.wait(_WATCH_S):
            self._survive(self.look_around)

    def _survive(self, call: Callable[[], object]) -> None:
        """Whatever an answer or a clock of this computer does: the next one may be good."""
        try:
            call()
        except Exception:
            _LOG.exception("the clock's %s goes on", threading.current_thread().name)


def _contradicts(system: Stamp, here: Resolved) -> bool:
    """Whether the system's clock and the servers can't both be right."""
    if system.uncertainty_s is None:
        return False
    apart_s = abs(system.utc_ns - here.utc_ns) * 1e-9
    return apart_s > system.uncertainty_s + here.bound_s
