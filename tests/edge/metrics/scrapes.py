"""What a scrape says, for tests."""

from __future__ import annotations

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(url: str) -> Samples:
    """Ask an endpoint, and read its answer as Prometheus does."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return samples(answer.read().decode())


def samples(text: str) -> Samples:
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def total(found: Samples, name: str) -> float:
    """Sum over all labels; 0 where there is no sample."""
    return sum(number for (one, _), number in found.items() if one == name)
