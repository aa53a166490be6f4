"""The live table on a terminal, a few times a second; nothing at all anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.live import Live

from edge.display.snapshot import Snapshot
from edge.display.view import render


class LiveDisplay:
    """Shows snapshots in place on a terminal's standard error.

    Does nothing where `console` is no terminal, and goes quiet for good when the terminal goes
    away: a rig must not stop because somebody closed a window.

    Parameters
    ----------
    console : rich.console.Console
        Where to draw; for commands that is ``Console(stderr=True)``.
    interval_s : float
        Least time between two drawings.
    monotonic : callable
        Clock in seconds.

    Examples
    --------
    >>> with LiveDisplay(Console(stderr=True)) as display:
    ...     if display.due():
    ...         display.update(Snapshot(command="run", hits=0))
    """

    def __init__(
        self,
        console: Console,
        *,
        interval_s: float = 0.2,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._interval_s = interval_s
        self._monotonic = monotonic
        self._live: Live | None = None
        self._drawn_at: float | None = None

    @property
    def active(self) -> bool:
        """True while there is a terminal to draw on."""
        return self._live is not None

    def __enter__(self) -> LiveDisplay:
        if _is_screen(self._console):
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
            )
            self._guard(self._live.start)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._guard(self._live.stop)
            self._live = None

    def due(self) -> bool:
        """Tell whether the next update would be drawn, before making a snapshot for it."""
        if self._live is None:
            return False
        return self._drawn_at is None or self._monotonic() - self._drawn_at >= self._interval_s

    def update(self, snapshot: Snapshot) -> None:
        """Draw a snapshot, unless the last one is too fresh or there is no terminal."""
        live = self._live
        if live is None or not self.due():
            return
        self._drawn_at = self._monotonic()
        view = render(snapshot, max_rows=self._console.size.height)
        self._guard(lambda: live.update(view, refresh=True))

    def _guard(self, draw: Callable[[], None]) -> None:
        try:
            draw()
        except (OSError, ValueError):  # the terminal is gone, or its file is closed
            self._live = None


def _is_screen(console: Console) -> bool:
    # FORCE_COLOR makes rich call a log file a terminal; a table drawn four times a second
    # must not fill one.
    return console.is_terminal and not console.is_dumb_terminal and console.file.isatty()
