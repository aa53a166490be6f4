"""A collector's metrics, as Prometheus is told them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector as Families

from edge.messages import MESSAGE_TYPES, LostMessage
from edge.messages.exposure import DEAD_TIME_CAUSES
from edge.messages.hit import ClockState, Label
from edge.metrics.families import counter, counters, gauge, gauges
from edge.server.arrival import REASONS
from edge.server.stats import Stats
from edge.server.tally import Tally

PREFIX = "cosmic_edge_collector"
_NS = 1e9


class CollectorFamilies(Families):
    """What one collector tells; received = stored + duplicate + quarantined in every scrape.

    Parameters
    ----------
    tally : Tally
        Of its store.
    stats : callable
        The collector's counts.
    in_hand : callable
        Messages that came and are not settled.
    collecting : callable
        Whether broker and database take part.
    """

    def __init__(
        self,
        tally: Tally,
        stats: Callable[[], Stats],
        in_hand: Callable[[], int],
        collecting: Callable[[], bool],
    ) -> None:
        self._tally = tally
        self._stats = stats
        self._in_hand = in_hand
        self._collecting = collecting

    def collect(self) -> Iterator[Metric]:
        """Look once, and tell what was seen."""
        yield from self._tally.look(_told)
        stats = self._stats()
        more = {
            "unsettled_messages": (
                stats.unsettled,
                "Messages that could not be stored before the end; rigs send them again.",
            ),
            "store_waits": (stats.store_waits, "Attempts to store that the database refused."),
            "reconnects": (stats.reconnects, "Connections to the broker after the first."),
        }
        for name, (value, text) in more.items():
            yield counter(f"{PREFIX}_{name}", text, value)
        yield gauge(
            f"{PREFIX}_collecting",
            "1 while the broker brings messages and the database takes them.",
            float(self._collecting()),
        )
        yield gauge(
            f"{PREFIX}_in_hand_messages",
            "Messages that came and are not settled; what follows waits in network and broker.",
            self._in_hand(),
        )


def _told(tally: Tally) -> list[Metric]:
    return [*_messages(tally), *_content(tally), *_commits(tally), *_rigs(tally)]


def _messages(tally: Tally) -> list[Metric]:
    return [
        counter(f"{PREFIX}_received_messages", "Messages settled by a commit.", tally.received),
        counters(
            f"{PREFIX}_stored_messages", "Messages stored, by kind.", "kind",
            tally.stored, MESSAGE_TYPES,
        ),
        counter(f"{PREFIX}_duplicate_messages", "Messages that were there.", tally.duplicates),
        counters(
            f"{PREFIX}_quarantined_messages", "Put into the quarantine, by reason.", "reason",
            tally.quarantined, REASONS,
        ),
        counter(
            f"{PREFIX}_conflicts", "Keys that came again with other content; all are quarantined.",
            tally.conflicts,
        ),
        counters(
            f"{PREFIX}_declared_lost_messages",
            "Messages of which rigs said that they will never come, by reason.", "reason",
            tally.declared_lost, get_args(LostMessage.model_fields["reason"].annotation),
        ),
    ]  # fmt: skip


def _content(tally: Tally) -> list[Metric]:
    live_s = {origin: ns / _NS for origin, ns in tally.live_ns.items()}
    dead_s = {key: ns / _NS for key, ns in tally.dead_ns.items()}
    return [
        counters(
            f"{PREFIX}_hits", "Hits stored, each once.", ("origin", "class"),
            tally.hits, [("camera", label) for label in get_args(Label)],
        ),
        counters(
            f"{PREFIX}_live_seconds", "Live time in stored exposures, all rigs.", "origin",
            live_s, ("camera",),
        ),
        counters(
            f"{PREFIX}_dead_seconds", "Dead time in stored exposures, all rigs.",
            ("origin", "cause"), dead_s, [("camera", cause) for cause in DEAD_TIME_CAUSES],
        ),
        counters(
            f"{PREFIX}_exposures", "Exposures stored, by the state of the rig's clock.", "clock",
            tally.exposures, get_args(ClockState),
        ),
        tally.lag_s.family(
            f"{PREFIX}_hit_lag_seconds",
            "From the hit, by its own time, to its commit; of clocks that are known.",
        ),
        tally.uncertainty_s.family(
            f"{PREFIX}_hit_time_uncertainty_seconds", "Bound of the clock's error at a hit."
        ),
    ]  # fmt: skip


def _commits(tally: Tally) -> list[Metric]:
    return [
        tally.commit_s.family(f"{PREFIX}_commit_seconds", "Time of a commit that returned."),
        tally.batch_messages.family(f"{PREFIX}_batch_messages", "Messages in a batch."),
    ]


def _rigs(tally: Tally) -> list[Metric]:
    return [
        gauge(f"{PREFIX}_rigs_seen", "Rigs heard of since the start.", len(tally.seen_s)),
        gauge(
            f"{PREFIX}_rigs_unnamed", "Rigs seen that the next metric does not name.",
            tally.unnamed_rigs,
        ),
        gauges(
            f"{PREFIX}_rig_last_message_timestamp_seconds",
            "Unix time of a rig's last message here; the first rigs alone have a series.", "rig",
            tally.last_seen_s,
        ),
    ]  # fmt: skip
