"""How the rig is doing, in one message: counts, present values, states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.clock import Clock
from edge.delivery import Outbox
from edge.report import Reporter

_THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")


def health(
    reporter: Reporter,
    outbox: Outbox,
    clock: Clock,
    elapsed_s: float,
    state: str,
    *,
    first_frame_s: float | None = None,
) -> dict[str, Any]:
    """Body of the `health` message; the uplink adds rig, session and time.

    Returns
    -------
    dict
        ``counters``, ``gauges`` and ``notes``.
    """
    total = reporter.so_far()
    now = clock.stamp(clock.boottime_ns())
    counters = {f"frames_{name}": n for name, n in total.frame_counts().items()}
    counters |= {"candidates": total.candidates, "hits": total.hits}
    counters |= {f"rejected_{name}": n for name, n in total.rejected.items()}
    counters |= {"owed": outbox.owed, **outbox.given_up}
    efficiency = reporter.efficiency()
    if efficiency is not None:
        counters |= {"injected": efficiency["injected"], "injected_found": efficiency["found"]}
    received = counters["frames_received"]
    return {
        "counters": counters,
        "gauges": {
            "uptime_s": round(elapsed_s, 1),
            "first_frame_s": first_frame_s,
            "frames_per_s": round(received / elapsed_s, 2) if elapsed_s > 0 else None,
            "live_time_s": total.live_time_ns / 1e9,
            "sensor_temperature_c": total.temperature_c,
            "cpu_temperature_c": cpu_temperature_c(),
            "clock_uncertainty_s": now.uncertainty_s,
            **clock_gauges(clock),
            **({"efficiency": efficiency["efficiency"]} if efficiency is not None else {}),
        },
        "notes": {"state": state, "clock": now.state},
    }


def clock_gauges(clock: Clock) -> dict[str, float]:
    """What a clock that asks servers itself tells of them; nothing of others."""
    status = clock.status()
    if status is None:
        return {}
    return {
        "clock_drift_ppm": round(status.drift_ppm, 3),
        "clock_steps": status.steps,
        "clock_suspends": status.suspends,
        "clock_surprises": status.surprises,
        "clock_servers_answering": sum(bool(one.reach & 1) for one in status.servers),
        "clock_servers_false": sum(one.verdict == "falseticker" for one in status.servers),
    }


def cpu_temperature_c() -> float | None:
    """Temperature of the processor, where Linux tells it."""
    try:
        return int(_THERMAL.read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):
        return None
