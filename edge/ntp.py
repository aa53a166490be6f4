"""UTC from NTP servers, for a rig without a clock daemon.

Background threads ask the configured servers, keep the last eight answers of each and believe
the one with the shortest round trip; servers that disagree are outvoted. Unreachable servers, bad
names and nonsense are results like any other, kept for `doctor`.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.clock import Clock, Stamp, SystemClock, boottime_ns
from edge.ntp_exchange import NTP_PORT, UNSYNCED_BOUND_S, Rejected, Sample, query

POLL_S = 64.0
"""A public server's patience (pool.ntp.org's minimum is 64 s)."""
_FIRST_POLLS = 4
_FIRST_POLL_S = 2.0
_SLOWEST_POLL_S = 1024.0
_JITTER = 0.1
_SAMPLES = 8
_SYNCED_FOR_S = _SAMPLES * POLL_S


@dataclass(slots=True)
class Server:
    """One server and what came of asking it."""

    host: str
    port: int = NTP_PORT
    poll_s: float = POLL_S
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    asked: int = 0
    answered: int = 0
    error: str = ""

    def best(self) -> Sample | None:
        """The sample of the shortest round trip (RFC 5905's clock filter), newest of equals."""
        return min(reversed(tuple(self.samples)), key=lambda one: one.delay_s, default=None)


def parse_server(text: str) -> Server:
    """Read ``host``, ``host:port``, ``address``, ``[v6 address]:port``.

    Raises
    ------
    ValueError
        If the port is no number from 1 to 65535, or the host is empty.
    """
    host, port = text, str(NTP_PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ValueError(f"{text!r} is no NTP server: write host or host:port")
    return Server(host, int(port))


class NtpClock:
    """Dates boot time by NTP servers; falls back on the system's clock.

    Where both know the time, the one with the smaller bound answers. synced: a good answer in the
    last 512 s; holdover: an older one, its bound grown by 15 ppm; unsynced: none, or a bound of
    16 s and more.

    Parameters
    ----------
    servers : sequence of str
        ``host`` or ``host:port``.
    system : Clock
        The clock to fall back on.
    timeout_s : float
        Longest wait for an answer.
    """

    def __init__(
        self, servers: Sequence[str], system: Clock | None = None, timeout_s: float = 5.0
    ) -> None:
        self._servers = [parse_server(text) for text in servers]
        self._system = system or SystemClock()
        self._timeout_s = timeout_s
        self._best: tuple[Sample, int] | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def servers(self) -> tuple[Server, ...]:
        """The servers and what came of asking them; read it, don't change it."""
        return tuple(self._servers)

    @property
    def boot_id(self) -> str | None:
        """The kernel's id of this boot."""
        return self._system.boot_id

    def boottime_ns(self) -> int:
        """Now, on CLOCK_BOOTTIME."""
        return boottime_ns()

    def start(self) -> None:
        """Begin to ask, one thread a server, so that a dead one keeps nobody waiting."""
        for server in self._servers:
            thread = threading.Thread(
                target=self._run, args=(server,), name=f"ntp {server.host}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def close(self, timeout_s: float = 1.0) -> None:
        """Stop asking; a look-up that hangs is left to end by itself."""
        self._closed.set()
        for thread in self._threads:
            thread.join(timeout_s)

    def poll(self, server: Server) -> Sample | None:
        """Ask one server now and take its answer in; None, and `error` says why, on failure."""
        server.asked += 1
        try:
            sample = query(server.host, server.port, self._timeout_s)
        except Rejected as error:
            server.error = str(error)
            _obey(server)
            return None
        with self._lock:
            server.answered += 1
            server.error = ""
            server.samples.append(sample)
            chosen = choose([best for one in self._servers if (best := one.best())])
            self._best = (chosen or sample, sample.boot_ns)
        return sample

    def stamp(self, time_ns: int) -> Stamp:
        """Date an instant of boot time, past or near future."""
        system = self._system.stamp(time_ns)
        if self._best is None:
            return system
        best, newest_ns = self._best
        bound_s = best.bound_at(time_ns)
        if system.uncertainty_s is not None and system.uncertainty_s < bound_s:
            return system
        utc_ns = time_ns + best.offset_ns
        if bound_s >= UNSYNCED_BOUND_S:
            return Stamp(utc_ns, None, "unsynced")
        fresh = (boottime_ns() - newest_ns) * 1e-9 <= _SYNCED_FOR_S
        return Stamp(utc_ns, bound_s, "synced" if fresh else "holdover")

    def _run(self, server: Server) -> None:
        """Ask quickly at first, as ntpd's iburst does, then politely and out of step."""
        wait_s = 0.0
        while not self._closed.wait(wait_s):
            self.poll(server)
            wait_s = _FIRST_POLL_S if server.asked < _FIRST_POLLS else server.poll_s
            wait_s *= 1.0 + random.uniform(0.0, _JITTER)  # noqa: S311


def _obey(server: Server) -> None:
    """Ask less often when the server says so: it may refuse us altogether otherwise."""
    if "kiss-o'-death RATE" in server.error:
        server.poll_s = min(server.poll_s * 2, _SLOWEST_POLL_S)
    elif "kiss-o'-death" in server.error:
        server.poll_s = _SLOWEST_POLL_S


def choose(samples: Sequence[Sample]) -> Sample | None:
    """Choose the sample to believe: of those most others agree with, the one of smallest bound.

    Two agree when their intervals offset ± bound overlap. One false server among three honest
    ones is outvoted.
    """
    if not samples:
        return None
    now_ns = max(sample.boot_ns for sample in samples)

    def agreeing(one: Sample) -> int:
        return sum(
            abs(one.offset_ns - other.offset_ns) * 1e-9
            <= one.bound_at(now_ns) + other.bound_at(now_ns)
            for other in samples
        )

    return min(samples, key=lambda one: (-agreeing(one), one.bound_at(now_ns)))
