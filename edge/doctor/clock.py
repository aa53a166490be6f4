"""The clock: is it synchronised, how well, by whom."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from edge.clock import Clock, SystemClock
from edge.display.units import uncertainty
from edge.doctor.check import Finding
from edge.ntp import NtpClock

_COARSE_S = 1.0
_NTP_TIMEOUT_S = 4.0
_ADVICE = (
    "install a clock daemon (apt install chrony), or name servers in [clock] ntp_servers; "
    "until then hits have no UTC that can be trusted"
)


def clock(
    servers: Sequence[str] = (),
    system: Callable[[], Clock] = SystemClock,
    timeout_s: float = _NTP_TIMEOUT_S,
) -> Finding:
    """State of the system's clock; configured NTP servers are asked once.

    Parameters
    ----------
    servers : sequence of str
        As configured.
    system : callable
        Makes the system's clock.
    timeout_s : float
        Longest wait for a server.
    """
    chosen: Clock = system()
    asked, silent = "", list[str]()
    if servers:
        chosen, asked, silent = _ask(servers, chosen, timeout_s)
    stamp = chosen.stamp(chosen.boottime_ns())
    detail = f"{stamp.state} {uncertainty(stamp.uncertainty_s)}".rstrip() + asked
    data = {"state": stamp.state, "uncertainty_s": stamp.uncertainty_s}
    if stamp.state == "unsynced":
        return Finding("warn", detail, _ADVICE, data)
    if stamp.uncertainty_s is not None and stamp.uncertainty_s > _COARSE_S:
        return Finding(
            "warn", detail, "look at the clock daemon (chronyc tracking): its bound is wide", data
        )
    if silent:
        return Finding("warn", detail, f"no time from {', '.join(silent)}: look at the names", data)
    return Finding("ok", detail, data=data)


def _ask(servers: Sequence[str], system: Clock, timeout_s: float) -> tuple[Clock, str, list[str]]:
    found = NtpClock(servers, system, timeout_s)
    found.start()
    deadline = time.monotonic() + 1.5 * timeout_s
    while time.monotonic() < deadline:
        if all(server.answered or server.error for server in found.servers):
            break
        time.sleep(0.02)
    found.close(0.0)
    silent = [
        f"{server.host} ({server.error or 'no answer'})"
        for server in found.servers
        if not server.answered
    ]
    answered = len(found.servers) - len(silent)
    return found, f"; {answered} of {len(found.servers)} NTP servers answer", silent
