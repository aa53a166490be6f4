"""Options that several commands share, and how they become a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from calibration.model import Calibration
    from edge.config.model import Config

ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file; without it: defaults.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Preset = Annotated[
    str | None,
    typer.Option("--preset", metavar="NAME", help="Rules: default, or credo (CREDO Detector)."),
]


def configured(path: Path | None, **overrides: Any) -> Config:
    """Configuration from a file, with the command's options over it (``rig_name`` style keys)."""
    from edge.config.load import load_config

    changes = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_config(path, changes)


def read_calibration(path: Path | None) -> Calibration | None:
    """Load a calibration file; its faults end the command with one line."""
    if path is None:
        return None
    from calibration.model import CalibrationError
    from calibration.store import load
    from edge.errors import Failed

    try:
        return load(path)
    except CalibrationError as error:
        raise Failed(str(error)) from None


def show_summary(summary: dict[str, Any], json: bool) -> None:
    """Print a summary: JSON on standard output, or a table for a person."""
    if json:
        from edge.cli.shared import print_json

        print_json(summary)
        return
    from rich.console import Console

    from edge.display.summary import summary_table

    Console().print(summary_table(summary))
