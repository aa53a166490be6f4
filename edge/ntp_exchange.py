"""One exchange with an NTP server: what it says of boot time, or why it says nothing.

The system's clock is not trusted: ntplib measures against it, but an answer becomes a map from
CLOCK_BOOTTIME to UTC, and one during which the system's clock was stepped is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge.clock import Bracket, compare_clocks, drift_s

NTP_PORT = 123
UNSYNCED_BOUND_S = 16.0
"""NTP's own limit (RFC 5905, MAXDISP): who is further off does not know the time."""

# ntplib computes in float seconds since 1900, whose last bit is 0.48 µs; four such enter.
_RESOLUTION_S = 2e-6
# The kernel slews by 500 ppm at most: what moved further during an exchange was a step.
_SLEW = 500e-6
_STEP_S = 100e-6


class Rejected(Exception):
    """An exchange that gave no time; the text says why, for a person."""


class _Answer(Protocol):
    """The fields of ntplib's NTPStats that are used."""

    leap: int
    mode: int
    stratum: int
    root_delay: float
    root_dispersion: float
    orig_timestamp: float
    tx_timestamp: float
    ref_id: int

    @property
    def offset(self) -> float: ...

    @property
    def delay(self) -> float: ...

    @property
    def orig_time(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """One exchange: UTC = boot time + `offset_ns`, wrong by `bound_s` at most at `boot_ns`."""

    boot_ns: int
    offset_ns: int
    delay_s: float
    bound_s: float
    stratum: int

    def bound_at(self, time_ns: int) -> float:
        """Bound at another instant: a free-running clock walks off."""
        return self.bound_s + drift_s(time_ns - self.boot_ns)


def query(host: str, port: int = NTP_PORT, timeout_s: float = 5.0) -> Sample:
    """Ask a server once.

    Returns
    -------
    Sample
        Its bound is root delay / 2 + root dispersion + round trip / 2 and the comparison of the
        two local clocks.

    Raises
    ------
    Rejected
        For every way an exchange can fail: name, network, silence, an answer that is no time, a
        step of the local clock.
    """
    import ntplib

    before = compare_clocks()
    try:
        answer = ntplib.NTPClient().request(host, version=4, port=port, timeout=timeout_s)
    except ntplib.NTPException as error:
        raise Rejected(str(error)) from error
    except OSError as error:  # names that can't be resolved, too: gaierror
        raise Rejected(f"{host}: {error.strerror or error}") from error
    except UnicodeError as error:
        raise Rejected(f"{host} is no host name: {error}") from error
    after = compare_clocks()
    moved_s = _moved_s(before, after)
    _check(answer, before, after)
    return _sample(answer, before, after, moved_s)


def _moved_s(before: Bracket, after: Bracket) -> float:
    """How far the system's clock moved against boot time during the exchange; a step is refused."""
    moved_s = abs(after.offset_ns - before.offset_ns) * 1e-9
    span_s = (after.boot_ns - before.boot_ns) * 1e-9
    if moved_s > span_s * _SLEW + _compared_s(before, after) + _STEP_S:
        raise Rejected(f"the system's clock was stepped by {moved_s:.6f} s during the exchange")
    return moved_s


def _compared_s(before: Bracket, after: Bracket) -> float:
    return (before.half_width_ns + after.half_width_ns) * 1e-9


def _check(answer: _Answer, before: Bracket, after: Bracket) -> None:
    """Refuse what is no answer, no time, or not ours (RFC 5905, section 9)."""
    if answer.stratum == 0:
        code = answer.ref_id.to_bytes(4, "big").decode("ascii", "replace").rstrip("\0")
        raise Rejected(f"kiss-o'-death {code or '(no code)'}")
    if answer.mode != 4:
        raise Rejected(f"mode {answer.mode} is no server's answer")
    if answer.leap == 3 or answer.stratum >= 16:
        raise Rejected(
            f"the server is not synchronised (leap {answer.leap}, stratum {answer.stratum})"
        )
    sent_from = (before.boot_ns + before.offset_ns) * 1e-9
    sent_to = (after.boot_ns + after.offset_ns) * 1e-9
    if not sent_from - _STEP_S <= answer.orig_time <= sent_to + _STEP_S:
        raise Rejected("the answer is not to our question (origin timestamp)")
    if answer.tx_timestamp == 0 or answer.delay < -_RESOLUTION_S:
        raise Rejected("the answer's timestamps contradict each other")
    if not (answer.root_delay >= 0 and 0 <= answer.root_dispersion < UNSYNCED_BOUND_S):
        raise Rejected("the server does not know its own error")


def _sample(answer: _Answer, before: Bracket, after: Bracket, moved_s: float) -> Sample:
    """Turn an answer about the system's clock into one about boot time."""
    delay_s = max(answer.delay, 0.0)
    return Sample(
        boot_ns=after.boot_ns,
        offset_ns=after.offset_ns + round(answer.offset * 1e9),
        delay_s=delay_s,
        bound_s=answer.root_delay / 2
        + answer.root_dispersion
        + delay_s / 2
        + moved_s
        + _compared_s(before, after)
        + _RESOLUTION_S,
        stratum=answer.stratum,
    )
