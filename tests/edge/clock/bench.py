"""A rig's clock whose time is set by hand, and whose servers say what they are told to."""

from __future__ import annotations

from unittest.mock import patch

from edge.clock import Stamp, SystemClock
from edge.clock.exchange import Rejected, Sample
from edge.clock.ntp import NtpClock
from edge.clock.reading import Reading
from edge.clock.server import Server
from edge.clock.watch import LocalClocks
from tests.edge.clock.rig import unsynced_system

S = 1_000_000_000
UTC0 = 1_790_000_000 * S


class Bench:
    """A clock whose time is set by hand, and whose servers say what they are told to.

    UTC - boot time is UTC0; `says[name]` is how far a server is off and its bound in s, or why it
    doesn't answer.
    """

    def __init__(self, *names: str, system: SystemClock | None = None) -> None:
        self.now_ns = 1000 * S
        self.asleep_ns = 0
        self.slewed_ns = 0
        self.wall_ns = UTC0
        self.leap = 0
        self.says: dict[str, tuple[float, float] | str] = dict.fromkeys(names, (0.0, 0.01))
        self.clock = NtpClock(
            names,
            system or unsynced_system(),
            local=LocalClocks(self.read),
            now=lambda: self.now_ns,
        )

    def read(self) -> Reading:
        monotonic_ns = self.now_ns - self.asleep_ns
        wall_ns = self.now_ns + self.wall_ns
        return Reading(self.now_ns, monotonic_ns, wall_ns, monotonic_ns - self.slewed_ns)

    def ask(self, server: Server) -> Sample:
        said = self.says[server.host]
        if isinstance(said, str):
            raise Rejected(said)
        return Sample(self.now_ns, UTC0 + round(said[0] * S), 2 * said[1], said[1], 2, self.leap)

    def poll(self, *names: str, wait_s: float = 0.0) -> None:
        self.now_ns += round(wait_s * S)
        with patch.object(Server, "ask", lambda server, *_: self.ask(server)):
            for server in self.clock.servers:
                if not names or server.host in names:
                    self.clock.poll(server)

    @property
    def stamp(self) -> Stamp:
        return self.clock.stamp(self.now_ns)

    @property
    def error_s(self) -> float:
        return (self.stamp.utc_ns - self.now_ns - UTC0) / S
