"""``cosmic-edge ask``: have a rig do something, and show its answer."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.server_shared import check_name
from edge.cli.shared import print_json
from edge.errors import BadUse, Failed

if TYPE_CHECKING:
    from edge.messages.commands import Reply


def command(
    rig: Annotated[str, typer.Argument(help="Name of the rig.")],
    what: Annotated[
        str, typer.Argument(help="report, snapshot, recalibrate, threshold or restart.")
    ],
    broker: Annotated[
        str, typer.Option(metavar="URL", help="As for collect; only the server's user may ask.")
    ],
    seed_sigma: Annotated[
        float | None,
        typer.Option("--seed-sigma", metavar="N", help="Of threshold: 4.5 to 50 sigma."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.png", help="Of snapshot: the picture.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="S", min=1, max=600, help="Longest wait for the answer.")
    ] = 30.0,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as one JSON object.")] = (
        False
    ),
) -> None:
    """Ask a rig over the broker; 0 where it was done, 1 where it was not."""
    from edge.delivery.address import BrokerAddress
    from edge.messages import MessageError
    from edge.outfile import FileKind, check_place, write_whole
    from edge.server.ask import ask, command_of

    check_name(rig)
    if out is not None:
        if what != "snapshot":
            raise BadUse("--out goes with snapshot")
        check_place(out, FileKind("a picture", b"\x89PNG"))
    address = BrokerAddress.parse(broker)
    try:
        wanted = command_of(what, seed_sigma)
    except MessageError as error:
        raise BadUse(f"rig can't be asked that: {error}") from None
    reply = ask(address, rig, wanted, timeout)
    if out is not None and reply.state == "done" and "png" in reply.data:
        write_whole(out, base64.b64decode(str(reply.data["png"])))
    if json:
        print_json(reply.model_dump(by_alias=True))
    else:
        _show(reply)
    if reply.state != "done":
        raise Failed(f"rig {rig}: {reply.state}: {reply.detail}")


def _show(reply: Reply) -> None:
    from rich.console import Console

    console = Console()
    console.print(f"{reply.rig}: {reply.detail}", markup=False)
    for name, value in reply.data.items():
        if isinstance(value, dict):
            for key, one in value.items():
                console.print(f"  {key:<32}{one}", markup=False, highlight=False)
        elif name != "png":
            console.print(f"  {name:<32}{value}", markup=False, highlight=False)
