"""One exchange with an NTP server: what it says of boot time, or why it says nothing.

ntplib packs and reads the packets. Its client is not used: it takes both local times from the
wall clock, which may be stepped meanwhile, tells nobody the origin timestamp it sent, and reads
the server's as floats of seconds that wrap in 2036. Here both local times are boot time, so that no
step of the wall clock can enter; the origin timestamp is a random number that must come back.
"""

from __future__ import annotations

import secrets
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from edge.clock.base import UNSYNCED_BOUND_S, boottime_ns
from edge.clock.era import FLOOR_S, unix_ns
from edge.clock.knot import CORRECTED, FREELY, Rate

NTP_PORT = 123
_PACKET_BYTES = 48
_TIMES = struct.Struct(">QQ")  # receive and transmit timestamps, from byte 32
_CODES = 4


class Rejected(Exception):
    """An exchange that gave no time; the text says why, for a person.

    Attributes
    ----------
    kiss : str
        Code of a kiss-o'-death, such as RATE; "" for other causes.
    """

    def __init__(self, why: str, kiss: str = "") -> None:
        super().__init__(why)
        self.kiss = kiss


class _Header(Protocol):
    """The fields of ntplib's NTPPacket that are used."""

    leap: int
    mode: int
    stratum: int
    precision: int
    root_delay: float
    root_dispersion: float
    ref_id: int


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a server, as getaddrinfo gives it."""

    family: int
    sockaddr: tuple[Any, ...]

    def __str__(self) -> str:
        return str(self.sockaddr[0])


@dataclass(frozen=True, slots=True)
class Sample:
    """One exchange: UTC = boot time + `offset_ns`, wrong by `bound_s` at most at `boot_ns`.

    Attributes
    ----------
    delay_s : float
        Round trip, without the server's own time.
    bound_s : float
        Root delay / 2 + root dispersion + round trip / 2 + the clocks' resolution.
    leap : int
        1 or 2: a second will be inserted or left out at the end of the month.
    """

    boot_ns: int
    offset_ns: int
    delay_s: float
    bound_s: float
    stratum: int
    leap: int = 0
    address: str = ""

    def at(self, time_ns: int, rate: Rate = FREELY) -> tuple[int, float]:
        """Offset in ns and its bound in s at another instant: a clock walks off."""
        span_ns = time_ns - self.boot_ns
        growth = max(rate.growth, CORRECTED.growth)  # an answer may be hours old
        grown_s = abs(span_ns) * 1e-9 * growth
        return self.offset_ns + round(span_ns * rate.drift), self.bound_s + grown_s

    def contradicts(self, other: Sample, rate: Rate = FREELY) -> bool:
        """Whether both can't be true while boot time runs at this rate."""
        offset_ns, bound_s = other.at(self.boot_ns, rate)
        return abs(self.offset_ns - offset_ns) * 1e-9 > self.bound_s + bound_s


Answer: TypeAlias = tuple[bytes, int, int]
"""The packet, and boot time in ns when the question left and the answer came."""


def exchange(address: Address, timeout_s: float = 5.0, floor_s: int = FLOOR_S) -> Sample:
    """Ask one address once.

    Raises
    ------
    Rejected
        For every way an exchange can fail: network, silence, an answer that is no time.
    """
    import ntplib

    try:
        data, sent_ns, came_ns = _ask(address, timeout_s)
    except TimeoutError:
        raise Rejected(f"No response received from {address}") from None
    except OSError as error:
        raise Rejected(f"{address}: {error.strerror or error}") from error
    header = ntplib.NTPPacket()
    try:
        header.from_data(data)
    except ntplib.NTPException as error:
        raise Rejected(str(error)) from error
    _check(header)
    received, transmitted = _TIMES.unpack_from(data, 32)
    if not received or not transmitted:
        raise Rejected("the answer's timestamps contradict each other")
    try:
        times = unix_ns(received, floor_s), unix_ns(transmitted, floor_s)
    except ValueError as error:
        raise Rejected(str(error)) from error
    return _sample(header, (sent_ns, *times, came_ns), str(address))


def _ask(address: Address, timeout_s: float) -> Answer:
    """Send a question and wait for what answers it.

    What others send is passed over: one forged or repeated packet must not cost the answer.
    """
    import ntplib

    with socket.socket(address.family, socket.SOCK_DGRAM) as endpoint:
        endpoint.connect(address.sockaddr)  # the kernel drops what others send, and tells refusals
        nonce = secrets.randbits(31) + 1 + secrets.randbits(21) * 2.0**-21
        question = ntplib.NTPPacket(version=4, mode=3, tx_timestamp=nonce).to_data()
        sent_ns = boottime_ns()
        endpoint.send(question)
        deadline_s = time.monotonic() + timeout_s
        stray = ""
        while (left_s := deadline_s - time.monotonic()) > 0:
            endpoint.settimeout(left_s)
            try:
                data = endpoint.recv(512)
            except TimeoutError:
                break
            came_ns = boottime_ns()
            stray = _stray(data, question)
            if not stray:
                return data, sent_ns, came_ns
    if stray:
        raise Rejected(stray)
    raise TimeoutError


def _stray(data: bytes, question: bytes) -> str:
    """Why a packet is no answer to the question; "" where it is one."""
    if len(data) < _PACKET_BYTES:
        return "Invalid NTP packet."
    if data[24:32] != question[40:48]:
        return "the answer is not to our question (origin timestamp)"
    return ""


def _check(answer: _Header) -> None:
    """Refuse what is no answer and no time (RFC 5905, section 9)."""
    if answer.mode != 4:
        raise Rejected(f"mode {answer.mode} is no server's answer")
    if answer.stratum == 0:
        code = answer.ref_id.to_bytes(_CODES, "big").decode("ascii", "replace").rstrip("\0")
        raise Rejected(f"kiss-o'-death {code or '(no code)'}", code or "?")
    if answer.leap == 3 or answer.stratum >= 16:
        raise Rejected(
            f"the server is not synchronised (leap {answer.leap}, stratum {answer.stratum})"
        )
    if answer.root_delay / 2 + answer.root_dispersion >= UNSYNCED_BOUND_S:
        raise Rejected("the server does not know its own error")


def _sample(answer: _Header, times_ns: tuple[int, int, int, int], address: str) -> Sample:
    """Offset and round trip by the four instants (RFC 5905, section 8)."""
    sent, received, transmitted, came = times_ns
    resolution_s = 2.0 ** min(answer.precision, 0) + 1e-9
    delay_s = ((came - sent) - (transmitted - received)) * 1e-9
    if transmitted < received or delay_s < -resolution_s:
        raise Rejected("the answer's timestamps contradict each other")
    return Sample(
        boot_ns=came,
        offset_ns=((received - sent) + (transmitted - came)) // 2,
        delay_s=max(delay_s, 0.0),
        bound_s=answer.root_delay / 2
        + answer.root_dispersion
        + max(delay_s, 0.0) / 2
        + (came - sent) * 1e-9 * FREELY.growth
        + resolution_s,
        stratum=answer.stratum,
        leap=answer.leap,
        address=address,
    )
