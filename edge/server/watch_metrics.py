"""What `server watch` tells Prometheus: silent rigs, the broker's own counts, room on disks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as Families

from edge.metrics.families import counter, gauge, gauges
from edge.server.presence import STATES
from edge.server.watch import Look, Watch

_BROKER_GAUGES = {
    "clients_connected": "Clients that are connected.",
    "stored_message_bytes": "Messages that wait or are retained, in bytes.",
    "subscriptions": "Subscriptions, those of durable sessions included.",
    "shared_subscriptions": "Memberships in groups that share a subscription.",
}


class BrokerTold(Protocol):
    """What is heard of a broker: `edge.server.statuses.StatusListener`."""

    @property
    def counts(self) -> dict[str, int]:
        """Its own counts by our names; empty while there is no connection."""

    @property
    def certificate_expiry_s(self) -> float | None:
        """Unix time at which its certificate ends."""


class WatchFamilies(Families):
    """What a watch tells; before its first look, nothing of rigs.

    Parameters
    ----------
    watch : Watch
        Who looks.
    broker : BrokerTold or None
        What is heard of the broker; None: it is not asked.
    named_rigs : int
        Silent rigs that are told by name, at most.
    """

    def __init__(self, watch: Watch, broker: BrokerTold | None, named_rigs: int = 100) -> None:
        self._watch = watch
        self._told = broker
        self._named_rigs = named_rigs

    def collect(self) -> Iterator[Metric]:
        """Tell the newest look; of a database that is away, the last before."""
        look = self._watch.last
        yield gauge(
            "cosmic_edge_watch_last_look_timestamp_seconds",
            "Unix time of the last look at the database that came about.",
            look.at_s,
        )
        yield counter("cosmic_edge_watch_alarms", "Alarms raised, once each.", self._watch.raised)
        yield counter("cosmic_edge_watch_alarms_cleared", "Alarms taken back.", self._watch.cleared)
        if look.at_s:
            yield from self._rigs(look)
            yield from _room(look)
        if self._told is not None:
            yield from _broker(self._told.counts)
            yield gauge(
                "cosmic_edge_broker_certificate_expiry_timestamp_seconds",
                "Unix time at which the broker's certificate ends; absent: unknown.",
                self._told.certificate_expiry_s,
            )

    def _rigs(self, look: Look) -> Iterator[Metric]:
        states = Counter(one.state for one in look.rigs)
        yield gauges(
            "cosmic_edge_rigs", "Rigs by how they stand.", "state",
            {state: states[state] for state in STATES},
        )  # fmt: skip
        yield gauge(
            "cosmic_edge_rigs_silent",
            "Rigs that somebody should look at: silent, offline or stopped.",
            len(look.silent),
        )
        family = GaugeMetricFamily(
            "cosmic_edge_rig_silent_seconds",
            "For how long nothing has come of a silent rig; a bounded number of rigs has a series.",
            labels=["rig", "state"],
        )
        for one in look.silent[: self._named_rigs]:
            family.add_metric([one.rig, one.state], one.quiet_s or 0.0)
        yield family


def _room(look: Look) -> Iterator[Metric]:
    yield gauge(
        "cosmic_edge_database_size_bytes", "Disk that the database takes.", look.database_bytes
    )
    yield gauges(
        "cosmic_edge_disk_size_bytes", "Size of the disk at a path.", "path",
        {path: room.size_bytes for path, room in look.disks.items()},
    )  # fmt: skip
    yield gauges(
        "cosmic_edge_disk_free_bytes", "Room on the disk at a path, for all but root.", "path",
        {path: room.free_bytes for path, room in look.disks.items()},
    )  # fmt: skip


def _broker(counts: dict[str, int]) -> Iterator[Metric]:
    yield gauge(
        "cosmic_edge_broker_told", "1 while the broker tells of itself.", float(bool(counts))
    )
    for name, text in _BROKER_GAUGES.items():
        yield gauge(f"cosmic_edge_broker_{name}", text, counts.get(name))
    if "dropped_messages" in counts:
        yield counter(
            "cosmic_edge_broker_dropped_messages",
            "Messages the broker let fall, its limits reached; the rigs send them again.",
            counts["dropped_messages"],
        )
