"""The clock: is it synchronised, how well, by whom."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge.clock import Clock, SystemClock
from edge.clock.era import FLOOR_S
from edge.clock.kept import behind_floor, read_floor_s
from edge.clock.live import clock_by, daemon_word
from edge.clock.ntp import NtpClock
from edge.clock.status import ClockStatus
from edge.config.clock import ClockConfig
from edge.display.units import uncertainty
from edge.doctor.check import Finding

_COARSE_S = 1.0
_NTP_TIMEOUT_S = 4.0
_ADVICE = (
    "install a clock daemon (apt install chrony), or name servers in [clock] ntp_servers; "
    "until then hits have no UTC that can be trusted"
)


def system_now(*, chrony: bool = True, floor_s: int = FLOOR_S) -> SystemClock:
    """Make the system's clock as a rig has it, once its daemon has been heard."""
    word = daemon_word(chrony=chrony)
    word.refresh()
    return clock_by(word, floor_s)


def clock(
    servers: Sequence[str] = (),
    system: Callable[[], SystemClock] = system_now,
    timeout_s: float = _NTP_TIMEOUT_S,
    *,
    behind: str = "",
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
    behind : str
        What is wrong where the system's clock is before the last time that the rig knew, and is not
        believed (`edge.clock.kept.behind_floor`).
    """
    own = system()
    chosen: Clock = own
    status = None
    if servers:
        found = _ask(servers, own, timeout_s)
        chosen, status = found, found.status()
    stamp = chosen.stamp(chosen.boottime_ns())
    said = f"{stamp.state} {uncertainty(stamp.uncertainty_s)}".rstrip()
    data: dict[str, Any] = {"state": stamp.state, "uncertainty_s": stamp.uncertainty_s}
    troubles = [behind] if behind else []
    if status is None:
        if stamp.state == "synced":
            said += f", by {own.source}"
        if behind:
            said, data = "unsynced", {"state": "unsynced", "uncertainty_s": None}
        return _judged(said, data, troubles)
    data |= {"ntp": status.to_json()}
    return _judged(said + _answering(status), data, troubles + _troubles(status))


def of_rig(settings: ClockConfig, state_dir: Path) -> Finding:
    """State of the clock that a rig with these settings would have."""
    floor_s = read_floor_s(state_dir)
    return clock(
        settings.ntp_servers,
        lambda: system_now(chrony=settings.chrony, floor_s=floor_s),
        behind=behind_floor(state_dir, floor_s),
    )


def _judged(detail: str, data: dict[str, Any], troubles: list[str]) -> Finding:
    bound_s = data["uncertainty_s"]
    if data["state"] == "unsynced":
        return Finding("warn", detail, "; ".join([*troubles, _ADVICE]), data)
    if bound_s is not None and bound_s > _COARSE_S:
        advice = "look at the clock daemon (chronyc tracking): its bound is wide"
        return Finding("warn", detail, advice, data)
    if troubles:
        return Finding("warn", detail, "; ".join(troubles), data)
    return Finding("ok", detail, data=data)


def _answering(status: ClockStatus) -> str:
    answered = sum(bool(server.answered) for server in status.servers)
    leap = "; a leap second is announced" if status.leap else ""
    return f"; {answered} of {len(status.servers)} NTP servers answer{leap}"


def _troubles(status: ClockStatus) -> list[str]:
    """What a person should look at, each in a few words."""
    silent = [
        f"{server.name} ({server.why or 'no answer'})"
        for server in status.servers
        if not server.answered
    ]
    false = [
        f"{server.name} ({server.offset_s:+.3g} s)"
        for server in status.servers
        if server.verdict == "falseticker" and server.offset_s is not None
    ]
    troubles = []
    if silent:
        troubles.append(f"no time from {', '.join(silent)}: look at the names")
    if false:
        troubles.append(f"outvoted by the others: {', '.join(false)}: name other servers")
    if status.why and not silent:
        troubles.append(f"{status.why}: name more servers")
    return troubles


def _ask(servers: Sequence[str], system: Clock, timeout_s: float) -> NtpClock:
    found = NtpClock(servers, system, timeout_s, patience=1)
    found.start()
    deadline = time.monotonic() + 1.5 * timeout_s
    while time.monotonic() < deadline:
        if all(server.finished for server in found.servers):
            break
        time.sleep(0.02)
    found.close(0.0)
    return found
