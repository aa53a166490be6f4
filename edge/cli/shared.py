"""What commands share: output, progress, signals, a group with a default command."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import queue
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup

from edge.errors import BadUse

if TYPE_CHECKING:
    from rich.console import Console

PROGRESS_AFTER_S = 1.0
_STOPPING = (signal.SIGINT, signal.SIGTERM)
_WITH_PASSWORD = re.compile(r"^postgres(?:ql)?://(?:[^@/?\[]*:[^?]*@|.*[?&](?:ssl)?password=)")
_CONVERSIONS = ("model_dump", "tolist", "as_posix")  # pydantic's models, NumPy's values, paths


def print_json(value: Any) -> None:
    """Print one JSON object on standard output, and nothing else.

    Takes what JSON has no word for as well: paths, NumPy scalars, dataclasses and models of
    pydantic; a number that is not finite becomes null.
    """
    plain = _plain(value)
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a file name in no encoding, or a terminal without the letters
        text = json.dumps(plain, allow_nan=False)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    for convert in _CONVERSIONS:
        if hasattr(value, convert):
            return _plain(getattr(value, convert)())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_database_url(url: str) -> str:
    """Refuse a database's URL with a password in it, as a broker's: a list of processes shows it.

    Raises
    ------
    edge.errors.BadUse
        There is one; the line does not hold it.
    """
    if _WITH_PASSWORD.search(url):
        raise BadUse(
            "database: a password in a URL can be read by everyone; put it into PGPASSWORD, "
            "~/.pgpass or a file named with ?passfile="
        )
    return url


def console() -> Console:
    """A console on standard error: standard output belongs to the result."""
    from rich.console import Console

    return Console(stderr=True)


@contextlib.contextmanager
def progress(total: float | None, label: str) -> Iterator[Callable[[float], None]]:
    """Show how far a work is, on a terminal and once it has lasted over a second.

    Parameters
    ----------
    total : float or None
        Number of steps; None where it is not known.
    label : str
        What is being done.

    Yields
    ------
    callable
        ``advance(steps)``.
    """
    if not sys.stderr.isatty():
        yield lambda steps: None
        return
    from rich.progress import Progress

    bar = Progress(console=console(), transient=True)
    task = bar.add_task(label, total=total)
    timer = threading.Timer(PROGRESS_AFTER_S, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda steps: bar.advance(task, steps)
    finally:
        timer.cancel()
        timer.join()
        bar.stop()


def stop_on_signals() -> threading.Event:
    """Event that SIGINT (Ctrl-C) and SIGTERM set; call it from the main thread.

    The command ends in its own time once the event is set. The second Ctrl-C raises
    KeyboardInterrupt in the main thread; the third ends the process where it stands.
    """
    return _watch_signals()[0]


@contextlib.contextmanager
def stopping() -> Iterator[threading.Event]:
    """Give the event of `stop_on_signals` for the time of a work; then signals act as before."""
    before = {number: signal.getsignal(number) for number in _STOPPING}
    event, signals = _watch_signals()
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signals.put(0)  # the thread that waits for a signal ends


def _watch_signals() -> tuple[threading.Event, queue.SimpleQueue[int]]:
    event = threading.Event()
    # Event.set takes a lock that the interrupted code may hold, SimpleQueue.put takes none:
    # so a thread sets it.
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    count = 0

    def handle(number: int, frame: object) -> None:
        nonlocal count
        count += 1
        if count == 1:
            signals.put(number)
        elif count == 2:
            raise KeyboardInterrupt
        else:
            os._exit(128 + number)

    def wait() -> None:
        signals.get()
        event.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for stop in _STOPPING:
        signal.signal(stop, handle)
    return event, signals


def with_default(name: str) -> type[TyperGroup]:
    """Group class for ``typer.Typer(cls=with_default("make"))``: `name` may be left out.

    ``calibrate SOURCE --out FILE`` is then ``calibrate make SOURCE --out FILE``. The group's help
    is the default command's, followed by the other commands; a SOURCE that has the name of a
    command is written ``./show``.
    """

    class DefaultGroup(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            asks_help = bool(args) and args[0] in ctx.help_option_names
            if not asks_help and (not args or args[0] not in self.commands):
                args = [name, *args]
            return super().parse_args(ctx, args)

        def format_help(self, ctx: Any, formatter: Any) -> None:
            command = self.commands[name]
            command.hidden = True
            command.format_help(type(ctx)(command, ctx.parent, ctx.info_name), formatter)
            self.format_commands(ctx, formatter)

    return DefaultGroup
