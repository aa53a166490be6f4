"""One NTP server: its addresses, its last eight answers, and why it gives none."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from edge.clock.era import FLOOR_S
from edge.clock.exchange import NTP_PORT, Address, Rejected, Sample, exchange
from edge.clock.knot import FREELY, Rate
from edge.clock.polling import Polling

_SAMPLES = 8
_REACH_BITS = 0xFF
_REFUSALS = ("DENY", "RSTR")
"""Kisses after which an address must not be asked again (RFC 5905, section 7.4)."""


@dataclass(slots=True)
class Server:
    """A server and what came of asking it.

    Attributes
    ----------
    unheard : int
        Polls in a row without an answer; counted anew once servers are back after an outage.
    refused : bool
        Whether the last poll ended with a kiss-o'-death.
    reach : int
        The last eight polls as bits, the newest lowest: 1 for a good answer (as in ntpq).
    address : Address or None
        The one that answered last; kept until it fails.
    denied : set of Address
        Those that told us to stay away.
    """

    host: str
    port: int = NTP_PORT
    polling: Polling = field(default_factory=Polling)
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    asked: int = 0
    answered: int = 0
    finished: int = 0
    unheard: int = 0
    refused: bool = False
    reach: int = 0
    error: str = ""
    address: Address | None = None
    denied: set[Address] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Host, with the port where it is not NTP's."""
        return self.host if self.port == NTP_PORT else f"{self.host}:{self.port}"

    def ask(self, timeout_s: float = 5.0, floor_s: int = FLOOR_S) -> Sample:
        """Ask each address until one answers, the one that answered last first.

        Raises
        ------
        Rejected
            If none gives the time; the text is the last address's.
        """
        failure: Rejected | None = None
        for address in self._candidates():
            try:
                sample = exchange(address, timeout_s, floor_s)
            except Rejected as error:
                failure = error
                if error.kiss in _REFUSALS:
                    self.denied.add(address)
                elif error.kiss:
                    break  # RATE: another address may be the same machine
                continue
            self.address = address
            return sample
        self.address = None
        raise failure or Rejected(f"{self.host}: all its addresses told us to stay away", "DENY")

    def take(self, sample: Sample, rate: Rate = FREELY) -> None:
        """Keep an answer, and let go of those that two in a row contradict.

        The server was set, or boot time jumped; old answers of a short round trip would hide it.
        """
        self.answered += 1
        self.unheard = 0
        self.refused = False
        self.error = ""
        if self.samples and not sample.contradicts(self.samples[-1], rate):
            for old in [one for one in self.samples if sample.contradicts(one, rate)]:
                self.samples.remove(old)
        self.samples.append(sample)
        self.reach = self.reach << 1 & _REACH_BITS | 1

    def fail(self, why: Rejected) -> None:
        """Note that there was none."""
        self.error = str(why)
        self.unheard += 1
        self.refused = bool(why.kiss)
        self.reach = self.reach << 1 & _REACH_BITS
        if why.kiss in _REFUSALS:
            self.polling.stay_away()
        elif why.kiss:
            self.polling.slow_down()
        else:
            self.polling.was_odd()

    def best(self, now_ns: int | None = None, rate: Rate = FREELY) -> Sample | None:
        """The sample that says most of now (RFC 5905's clock filter), the newest of equals.

        That of the shortest round trip, until it is so old that what the clock may have drifted
        since outweighs a longer one.
        """
        samples = tuple(self.samples)
        if not samples:
            return None
        at_ns = samples[-1].boot_ns if now_ns is None else now_ns
        return min(reversed(samples), key=lambda one: one.at(at_ns, rate)[1])

    def forget(self) -> None:
        """Let go of all answers: they say nothing across a suspend."""
        self.samples.clear()

    def widen(self, error_s: float) -> None:
        """Trust all answers less: boot time was pushed since."""
        wider = [replace(one, bound_s=one.bound_s + error_s) for one in self.samples]
        self.samples = deque(wider, maxlen=_SAMPLES)

    def _candidates(self) -> Iterator[Address]:
        """The kept address; the name's others only once that has failed."""
        kept = self.address
        if kept is not None:
            yield kept
        try:
            found = self._resolve()
        except Rejected:
            if kept is None:
                raise
            return  # what the kept address said is worth more
        yield from (one for one in found if one != kept and one not in self.denied)

    def _resolve(self) -> list[Address]:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
        except OSError as error:  # gaierror too
            raise Rejected(f"{self.host}: {error.strerror or error}") from error
        except UnicodeError as error:
            raise Rejected(f"{self.host} is no host name: {error}") from error
        return list(dict.fromkeys(Address(one[0], one[4]) for one in found))


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
