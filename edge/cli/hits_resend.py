"""``cosmic-edge hits resend``: hand a server that lost its database the hits it had."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import ConfigFile, Json, configured
from edge.cli.shared import print_json, progress


def resend(
    *,
    config: ConfigFile = None,
    broker: Annotated[
        str | None, typer.Option(metavar="URL", help="With the rig's own login, as for run.")
    ] = None,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", metavar="DIR", help="State folder of the rig.")
    ] = None,
    json: Json = False,
) -> None:
    """Send again, under their old numbers, all hits of the archive that a server has confirmed.

    What the server still has it recognises; the rig may run meanwhile.
    """
    from edge.delivery.archive_again import confirmed_hits, send_again
    from edge.live.broker import broker_address

    folder = str(state_dir) if state_dir is not None else None
    settings = configured(config, broker__url=broker, rig__state_dir=folder)
    address = broker_address(settings)
    with progress(None, "hits taken") as advance:
        sent = send_again(address, confirmed_hits(settings.rig.state_dir), advance)
    if json:
        print_json({"sent": sent})
    else:
        typer.echo(f"{sent} hits sent again, and taken by {address}")
