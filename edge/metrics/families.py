"""Metric families of one scrape, in few words; names and units by Prometheus' conventions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

Label = TypeVar("Label", str, tuple[str, ...])


def counter(name: str, text: str, value: float) -> CounterMetricFamily:
    """A sum that only rises; the name ends in ``_total`` when it is told."""
    return CounterMetricFamily(name, text, value=value)


def counters(
    name: str,
    text: str,
    labels: str | tuple[str, ...],
    values: Mapping[Label, float],
    known: Iterable[Label] = (),
) -> CounterMetricFamily:
    """Sums by one label or several; the `known` values are told from the start, at 0."""
    family = CounterMetricFamily(name, text, labels=_all(labels))
    for key, value in {**dict.fromkeys(known, 0.0), **values}.items():
        family.add_metric(_all(key), value)
    return family


def gauge(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    """A present value; None: not known, and no sample of it."""
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family


def gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    """Present values by a label."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def state(name: str, text: str, now: str, known: Sequence[str]) -> GaugeMetricFamily:
    """One of several states: 1 for the present one, 0 for the others."""
    return gauges(name, text, "state", {one: float(one == now) for one in (*known, now)})


def _all(label: str | tuple[str, ...]) -> list[str]:
    return [label] if isinstance(label, str) else list(label)


class Histogram:
    """Counts values in buckets; not locked.

    Parameters
    ----------
    bounds : sequence of float
        Upper bounds, rising; one without a bound follows them.
    """

    def __init__(self, *bounds: float) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self, name: str, text: str) -> HistogramMetricFamily:
        """As it is told."""
        buckets: list[tuple[str, float]] = []
        below = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            below += count
            buckets.append(("+Inf" if bound == float("inf") else repr(float(bound)), below))
        family = HistogramMetricFamily(name, text)
        family.add_metric([], buckets, self._sum)
        return family
