"""What `cosmic-edge collect` tells Prometheus."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from edge.server.collector import Collector
    from edge.server.tally import Tally


def tally_for(metrics: str | None, named_rigs: int) -> Tally | None:
    """What commits are counted in; None where nobody asks. Before anything is opened."""
    if metrics is None:
        return None
    from edge.metrics.address import Listen
    from edge.server.tally import Tally

    Listen.parse(metrics)
    return Tally(named_rigs)


@contextlib.contextmanager
def told(metrics: str | None, collector: Collector, tally: Tally | None) -> Iterator[None]:
    """Answer Prometheus meanwhile."""
    if metrics is None or tally is None:
        yield
        return
    from edge.metrics.address import Listen
    from edge.metrics.endpoint import Endpoint
    from edge.server.collector import COLLECTING
    from edge.server.metrics import CollectorFamilies

    families = CollectorFamilies(
        tally,
        lambda: collector.stats,
        lambda: collector.in_hand,
        lambda: collector.state == COLLECTING,
    )
    with Endpoint(
        Listen.parse(metrics),
        families,
        lambda: "" if collector.state == COLLECTING else collector.state,
    ) as endpoint:
        typer.echo(f"cosmic-edge: metrics at {endpoint.listen.url}", err=True)
        yield
