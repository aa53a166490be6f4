"""What a run shows while it goes on: a live table on a terminal, nothing elsewhere.

Where standard error is no terminal, as under systemd, drawing is not even imported: 3 MB and some
hundredths of a second that a rig keeps for itself.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.config.model import Config
    from edge.frame import FrameSource
    from edge.live.parts import Moment


@contextlib.contextmanager
def watching(settings: Config, source: FrameSource) -> Iterator[Callable[[Moment], None] | None]:
    """Give what a session calls with its moments; None where there is nobody to see them."""
    if not _seen():
        yield None
        return
    from edge.cli.shared import console
    from edge.display.live import LiveDisplay
    from edge.live.view import snapshot

    with LiveDisplay(console()) as display:

        def watch(moment: Moment) -> None:
            if display.due():
                display.update(snapshot("run", settings, source, moment))

        yield watch


def _seen() -> bool:
    try:
        return sys.stderr.isatty()
    except (ValueError, AttributeError):  # closed, or none at all
        return False
