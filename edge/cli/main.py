"""The command ``cosmic-edge``: its table of commands and how faults end it."""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import logging
import os
import select
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from edge.errors import BadUse, CosmicEdgeError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("edge.cli.run", "Watch a camera and deliver what it sees."),
    "demo": ("edge.cli.demo", "Show it all on this computer: camera, broker and server."),
    "replay": ("edge.cli.replay", "Find the hits of a recording, as fast as it goes."),
    "record": ("edge.cli.record", "Write a source's frames to a folder."),
    "simulate": ("edge.cli.simulate", "Make a recording of which every particle is known."),
    "calibrate": ("edge.cli.calibrate", "Make a calibration from dark frames, or look at one."),
    "score": ("edge.cli.score", "Score hits against the truth of a simulated recording."),
    "screen": ("edge.cli.screen", "Name the calibration frames that are not like the others."),
    "classify": ("edge.cli.classify", "Say what hits in files are: spot, track, worm, artefact."),
    "train": ("training.cli", "Train a classifier of hits, or judge one by cross-validation."),
    "train-data": ("training.data_cli", "Simulate labelled hits to train with."),
    "hits": ("edge.cli.hits", "List, show and export what the rig has found."),
    "credo": ("edge.cli.credo", "Send real hits and live time to CREDO, or write its requests."),
    "collect": ("edge.cli.collect", "Store what rigs send: the server's end."),
    "fleet": ("edge.cli.fleet", "Simulate many rigs, for load and for rehearsing."),
    "ask": ("edge.cli.ask", "Have a rig do something: report, snapshot, calibrate anew, …"),
    "server": ("edge.cli.server", "Look after fleet and database: add, watch, backup, prune, …"),
    "doctor": ("edge.cli.doctor", "Check camera, clock, broker and disk; say what to do."),
    "bench": ("edge.cli.bench", "Time what a frame costs on this computer, beside other ways."),
    "warmup": ("edge.cli.warmup", "Compile the pixel loops now, so that no start has to."),
    "config": ("edge.cli.config", "Show, check and describe the configuration."),
}
"""Name: module with `command` (a function) or `app` (a Typer with commands), and a help line.

A module is imported when its command is used: help must not wait for numpy and OpenCV.
"""

EXTRAS: Mapping[str, str] = {
    "astropy": "fits",
    "tifffile": "images",
    "imagecodecs": "images",
    "rawpy": "images",
    "amqtt": "demo",
    "matplotlib": "plot",
    "pyarrow": "parquet",
    "psycopg": "server",
    "prometheus_client": "metrics",
    "keras": "train",
    "tensorflow": "train",
    "sklearn": "train",
}
"""Optional packages and the extra that installs each."""

PROGRAM = "cosmic-edge"


class LazyGroup(TyperGroup):
    """Knows its commands by name and help line; imports the one that is used."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {
            name: TyperCommand(name=name, help=line) for name, (_, line) in COMMANDS.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Replace the command's stand-in by the command itself."""
        name, _stand_in, rest = super().resolve_command(ctx, args)
        return name, None if name is None else load(name), rest


def load(name: str) -> Any:
    """Import a command's module and make its command or group of commands."""
    module_name, line = COMMANDS[name]
    module = importlib.import_module(module_name)
    parent = typer.Typer(add_completion=False, rich_markup_mode=None)
    if hasattr(module, "app"):
        parent.add_typer(module.app, name=name, help=line)
    else:
        parent.command(name)(module.command)
        parent.callback()(_nothing)
    return typer.main.get_group(parent).commands[name]


def _nothing() -> None:
    """Keep Typer from merging a group that has one command into that command."""


def _version(wanted: bool) -> None:
    if wanted:
        from edge import __version__

        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Find cosmic-ray hits in a covered camera's frames and deliver each to a server."""


def program() -> Any:
    """Make the command line."""
    app = typer.Typer(
        cls=LazyGroup,
        add_completion=False,
        rich_markup_mode=None,
        no_args_is_help=True,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_root)
    return typer.main.get_group(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    int
        0 done, 1 failed or interrupted, 2 bad use. Every fault is one line on standard error;
        with ``COSMIC_EDGE_DEBUG=1`` in the environment its traceback comes before it.
    """
    args = list(sys.argv[1:] if arguments is None else arguments)
    _prepare_output()
    try:
        _refuse_empty(args)
        code = _invoke(args)
        sys.stdout.flush()
    except BaseException as error:
        if os.environ.get("COSMIC_EDGE_DEBUG", "") not in ("", "0"):
            traceback.print_exc()
        return _end(error)
    return code


def _prepare_output() -> None:
    """Let no file name break a line, and let warnings look like all that the program says."""
    with contextlib.suppress(AttributeError):  # what a test or another program put there
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(logging.Formatter(f"{PROGRAM}: %(message)s"))


def _refuse_empty(args: Sequence[str]) -> None:
    """Refuse what a shell makes of a variable that isn't set; as a path it names this folder."""
    for before, arg in itertools.pairwise(["", *args]):
        option, equals, value = arg.partition("=")
        if arg.startswith("--") and equals and not value:
            name = option
        elif not arg.strip():
            name = before if before.startswith("--") and "=" not in before else "an argument"
        else:
            continue
        raise BadUse(f"{name} is empty; is a shell variable not set?")


def _invoke(args: list[str]) -> int:
    command = program()
    try:
        with command.make_context(PROGRAM, args) as context:
            result = command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return result if type(result) is int else 0


def _end(error: BaseException) -> int:
    """Say in one line what ended the command, and give its exit code."""
    if isinstance(error, OSError) and _output_failed() and isinstance(error, BrokenPipeError):
        return 1  # ``| head`` has seen enough
    match error:
        case SystemExit(code=int() | None as code):
            return code or 0
        case typer.TyperException():
            return _usage(error)
        case CosmicEdgeError():
            return _say(str(error), error.exit_code)
        case KeyboardInterrupt() | typer.Abort():
            return _say("interrupted", 1)
    return _say(_fault(error), 1)


def _output_failed() -> bool:
    """Whether standard output takes no more; the interpreter must not try again at its end."""
    try:
        descriptor = sys.stdout.fileno()
        sys.stdout.flush()
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        failed = any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except io.UnsupportedOperation:  # no file: inside a test or another program
        return False
    except OSError:
        failed = True
    if failed:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)
    return failed


def _fault(error: BaseException) -> str:
    package = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and package in EXTRAS:
        extra = EXTRAS[package]
        return f"this needs {package}; install it with: pip install '{PROGRAM}[{extra}]'"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return "not enough memory"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    what = f"{type(error).__name__}: {error}{place}"
    return f"internal error: {what} (run with COSMIC_EDGE_DEBUG=1 for the traceback)"


def _usage(error: typer.TyperException) -> int:
    message = error.format_message()
    if message.startswith("Usage: "):  # a group without a command: its help
        sys.stderr.write(message.rstrip() + "\n")
        return 2
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else PROGRAM
    return _say(f"{message.rstrip('.')} (see {path} --help)", error.exit_code)


def _say(line: str, code: int) -> int:
    text = " ".join(part.strip() for part in line.splitlines())
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write(f"{PROGRAM}: {text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
