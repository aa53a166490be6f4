"""``cosmic-edge hits resend``: hand a server that lost its database what it had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    """Send again, under their old numbers, hits and records that a server has confirmed.

    Records are exposures with their live time, calibrations and clock maps.

    What the server still has it recognises; the rig may run meanwhile.
    """
    from edge.delivery.archive_again import Confirmed
    from edge.delivery.sending_again import send_again
    from edge.live.broker import broker_address

    folder = str(state_dir) if state_dir is not None else None
    settings = configured(config, broker__url=broker, rig__state_dir=folder)
    address = broker_address(settings)
    messages = Confirmed(settings.rig.state_dir)
    with progress(None, "messages taken") as advance:
        sent = send_again(address, messages, advance)
    if json:
        print_json({"sent": sum(sent.values()), "by_kind": sent, "damaged": messages.damaged})
    else:
        parts = ", ".join(f"{count} {name}" for count, name in _named(sent))
        typer.echo(f"{parts or 'nothing'} sent again, and taken by {address}")
        if messages.damaged:
            typer.echo(f"passed over, because damaged: {messages.damaged}", err=True)


def _named(sent: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    """Words for kinds, hits first."""
    for kind in ("hit", "exposure", "calibration", "clock"):
        if count := sent.get(kind, 0):
            name = {"exposure": "exposure record", "clock": "clock map"}.get(kind, kind)
            yield count, name if count == 1 else f"{name}s"
