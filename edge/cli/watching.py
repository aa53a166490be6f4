"""What a run shows while it goes on: a live table on a terminal, metrics where they are asked for.

Where standard error is no terminal, as under systemd, drawing is not even imported: 3 MB and some
hundredths of a second that a rig keeps for itself. Nor is what metrics need, where nobody asks.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from edge.config.model import Config
    from edge.frame import FrameSource
    from edge.live.parts import Moment

    Watching: TypeAlias = Callable[[Moment], None]


@contextlib.contextmanager
def watching(settings: Config, source: FrameSource) -> Iterator[Watching | None]:
    """Give what a session calls with its moments; None where there is nobody to see them."""
    with contextlib.ExitStack() as stack:
        told = stack.enter_context(_told(settings)) if settings.metrics.listen else None
        drawn = stack.enter_context(_drawn(settings, source)) if _seen() else None
        if told is None or drawn is None:
            yield told or drawn
            return
        one, other = told, drawn

        def both(moment: Moment) -> None:
            one(moment)
            other(moment)

        yield both


@contextlib.contextmanager
def _drawn(settings: Config, source: FrameSource) -> Iterator[Watching]:
    from edge.cli.shared import console
    from edge.display.live import LiveDisplay
    from edge.live.view import snapshot

    with LiveDisplay(console()) as display:

        def watch(moment: Moment) -> None:
            if display.due():
                display.update(snapshot("run", settings, source, moment))

        yield watch


@contextlib.contextmanager
def _told(settings: Config) -> Iterator[Watching]:
    """Answer Prometheus meanwhile."""
    from edge.metrics.address import Listen
    from edge.metrics.endpoint import Endpoint
    from edge.metrics.rig import RigFamilies

    families = RigFamilies(settings.outbox.max_bytes)
    with Endpoint(
        Listen.parse(settings.metrics.listen or ""), families, families.ailment
    ) as endpoint:
        sys.stderr.write(f"cosmic-edge: metrics at {endpoint.listen.url}\n")
        yield families.watch


def _seen() -> bool:
    try:
        return sys.stderr.isatty()
    except (ValueError, AttributeError):  # closed, or none at all
        return False
