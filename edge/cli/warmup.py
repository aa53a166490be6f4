"""``cosmic-edge warmup``: compile the pixel loops now, so that no start has to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import ConfigFile, Json, configured, show_summary


def command(
    config: ConfigFile = None,
    state_dir: Annotated[
        Path | None,
        typer.Option(
            "--state-dir", metavar="DIR", help="Of the rig; used where no cache may be written."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Compile the pixel loops for every kind of frame and keep them; say where and how long."""
    from calibration import kernel_cache
    from edge.errors import Failed
    from edge.live.warmup import warmed

    settings = configured(config, rig__state_dir=state_dir)
    kernel_cache.offer(settings.rig.state_dir)
    result = warmed()
    show_summary(result, json)
    if result["problem"]:
        raise Failed(result["problem"])
