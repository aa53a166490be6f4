"""``cosmic-edge credo``: hits and live time to CREDO's server, or as its requests in a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.credo_account import (
    CaFile,
    PasswordFile,
    Timeout,
    Url,
    login,
    password_of,
    post_to,
    register,
)
from edge.cli.shared import print_json

if TYPE_CHECKING:
    from edge.credo_uplink.client import HttpsPost
    from edge.credo_uplink.keys import RunKeys
    from edge.credo_uplink.source import Source
    from edge.credo_uplink.tally import Tally

app = typer.Typer(no_args_is_help=True)

Places = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[HITS]...",
        help="State folders, collectors' SQLite databases, hits files; without: the rig's folder.",
    ),
]
StateDir = Annotated[
    Path | None, typer.Option("--state-dir", metavar="DIR", help="State folder of a rig.")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="T", help="Only since a UTC time (2026-11-21T10:00) or 2h, 7d."
    ),
]
Rig = Annotated[str | None, typer.Option("--rig", metavar="NAME", help="Only of this rig.")]
Pings = Annotated[
    bool, typer.Option("--pings/--no-pings", help="Live time as well, or hits alone.")
]
Model = Annotated[
    str | None,
    typer.Option("--device-model", metavar="TEXT", help="Device's model; without: the sensor's."),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="File (chmod 600) with the token; or COSMIC_EDGE_CREDO_TOKEN.",
    ),
]
User = Annotated[
    str | None, typer.Option("--user", metavar="NAME", help="User name or email, to log in.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def export(
    *,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="Detections; pings go to FILE.ping.jsonl."),
    ],
    places: Places = None,
    state_dir: StateDir = None,
    since: Since = None,
    rig: Rig = None,
    pings: Pings = True,
    device_model: Model = None,
    json: Json = False,
) -> None:
    """Write request bodies, one a line, each as the API takes it (real hits only)."""
    from edge.cli.shared import progress
    from edge.credo_uplink.files import check_request_places, write_requests
    from edge.credo_uplink.request import Packer

    source, _ = _source(places, state_dir, since, rig, pings)
    check_request_places(out)
    with progress(None, "requests"):
        tally, requests = write_requests(source.offers(), Packer(device_model), out)
    if json:
        summary = tally.to_json()
        summary = {"written": summary.pop("sent"), "requests": requests, **summary}
        print_json({**summary, "damaged": source.damage.count, "path": str(out)})
        return
    hits, seen = tally.counts["hit"].sent, tally.counts["ping"].sent
    typer.echo(f"{hits} hits and {seen} pings written to {out} in {requests} requests")
    _show_left_out(tally, source)


@app.command()
def send(
    *,
    url: Url,
    places: Places = None,
    state_dir: StateDir = None,
    since: Since = None,
    rig: Rig = None,
    pings: Pings = True,
    device_model: Model = None,
    token_file: TokenFile = None,
    user: User = None,
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    ledger: Annotated[
        Path | None,
        typer.Option(
            "--ledger", metavar="FILE", help="What was sent; without: credo.sqlite in the folder."
        ),
    ] = None,
    attempts: Annotated[
        int, typer.Option("--attempts", min=1, max=100, help="Of a request, in this run.")
    ] = 5,
    longest_wait: Annotated[
        float,
        typer.Option("--longest-wait", metavar="S", min=0.0, help="Longest wait between attempts."),
    ] = 60.0,
    timeout: Timeout = 30.0,
    retry_refused: Annotated[
        bool, typer.Option("--retry-refused", help="Try once more what was set aside.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count only; nothing is sent or changed.")
    ] = False,
    json: Json = False,
) -> None:
    """Send what CREDO's server lacks; what is simulated, injected or recorded never goes."""
    from edge.cli.shared import progress, stopping
    from edge.credo_uplink import dry
    from edge.credo_uplink.address import ServerAddress
    from edge.credo_uplink.attempts import Patience
    from edge.credo_uplink.ledger_file import FILE_NAME
    from edge.credo_uplink.run import Plan
    from edge.credo_uplink.run import send as send_all
    from edge.errors import Failed

    server = str(ServerAddress.parse(url))
    source, folder = _source(places, state_dir, since, rig, pings)
    file = ledger or folder / FILE_NAME
    if dry_run:
        tally = dry.dry_run(source.offers(), file, server, retry_refused=retry_refused)
        _report(tally, source, server, json, dry=True)
        return
    post = post_to(url, ca_file, timeout)
    keys = _keys(post, token_file, user, password_file)
    patience = Patience(attempts, min(1.0, longest_wait), longest_wait, max(longest_wait, 600.0))
    plan = Plan(server, file, device_model, patience, retry_refused)
    with stopping() as stop, progress(None, "sending") as advance:
        tally = send_all(source, plan, post, keys, wait=stop.wait, advance=advance)
    _report(tally, source, server, json)
    left = tally.total.left
    if left:
        raise Failed(
            f"{server}: {tally.ended or 'the server failed'}; {left} left for the next run"
        )


def _source(
    places: list[Path] | None,
    state_dir: Path | None,
    since: str | None,
    rig: str | None,
    pings: bool,
) -> tuple[Source, Path]:
    """What to read, and the folder of the ledger."""
    from edge.config.values import default_state_dir
    from edge.credo_uplink.source import Source, ledger_folder
    from edge.errors import BadUse
    from edge.hits import Query, parse_since

    if places and state_dir is not None:
        raise BadUse("give hits files or --state-dir, not both")
    folder = state_dir or default_state_dir()
    query = Query(since_utc=None if since is None else parse_since(since), rig=rig)
    source = Source(places or [folder], query, pings=pings)
    return source, ledger_folder(places or [], folder)


def _keys(
    post: HttpsPost, token_file: Path | None, user: str | None, password_file: Path | None
) -> RunKeys:
    """Look at all that is there before anything is sent."""
    from edge.credo_uplink.account import log_in
    from edge.credo_uplink.device import this_computer
    from edge.credo_uplink.keys import RunKeys
    from edge.credo_uplink.secret import read_token

    token = read_token(token_file, os.environ)
    if user is None:
        return RunKeys(token)
    password = password_of(password_file)
    return RunKeys(token, lambda: log_in(post, this_computer(), user, password), password)


def _report(tally: Tally, source: Source, server: str, json: bool, *, dry: bool = False) -> None:
    if json:
        damaged = source.damage.count
        print_json({**tally.to_json(), "damaged": damaged, "server": server, "dry_run": dry})
        return
    for kind, counts in tally.counts.items():
        left = "would be sent" if dry else "left"
        typer.echo(
            f"{kind}s: {counts.offered} offered = {counts.sent} sent + {counts.already_sent} sent "
            f"before + {counts.refused} refused + {counts.not_real} not real + {counts.left} {left}"
            + (f"; {counts.repeated} may be there twice" if counts.repeated else "")
        )
    _show_left_out(tally, source)


def _show_left_out(tally: Tally, source: Source) -> None:
    if tally.not_real:
        why = ", ".join(f"{count} {origin}" for origin, count in sorted(tally.not_real.items()))
        typer.echo(f"not real: {why}", err=True)
    for one in tally.reasons:
        typer.echo(f"refused: {one['id'][:12]}: {one['reason']}", err=True)
    if source.damage:
        others = f", and {source.damage.count - 1} more" if source.damage.count > 1 else ""
        typer.echo(f"left out: {source.damage.first}{others}", err=True)


app.command()(login)
app.command()(register)
