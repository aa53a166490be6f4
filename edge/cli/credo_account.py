"""``cosmic-edge credo login`` and ``register``, and how a server is named and reached."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge.credo_uplink.client import HttpsPost
    from edge.credo_uplink.secret import Secret

Url = Annotated[
    str,
    typer.Option("--url", metavar="URL", help="The API, such as https://api.credo.science/api/v2."),
]
CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", metavar="PEM", help="Authority to trust instead of the system's."),
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", metavar="S", min=0.1, max=600.0, help="Longest time of an exchange."),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="File (chmod 600) with the password; or COSMIC_EDGE_CREDO_PASSWORD.",
    ),
]


def login(
    *,
    url: Url,
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="User name or email.")],
    token_file: Annotated[
        Path, typer.Option("--token-file", metavar="FILE", help="Where to write the token.")
    ],
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    timeout: Timeout = 30.0,
) -> None:
    """Get a token and write it to a file that is yours alone."""
    from edge.credo_uplink.account import log_in
    from edge.credo_uplink.device import this_computer
    from edge.credo_uplink.secret import write_token

    post = post_to(url, ca_file, timeout)
    write_token(token_file, log_in(post, this_computer(), user, password_of(password_file)))
    typer.echo(f"token written to {token_file}")


def register(
    *,
    url: Url,
    email: Annotated[str, typer.Option("--email", metavar="ADDRESS", help="Gets a link to open.")],
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="3 to 50 characters.")],
    display_name: Annotated[
        str | None, typer.Option("--display-name", metavar="TEXT", help="Without: the user name.")
    ] = None,
    team: Annotated[str, typer.Option("--team", metavar="TEXT", help="A team to join.")] = "",
    language: Annotated[str, typer.Option("--language", metavar="CODE", help="ISO 639-1.")] = "en",
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    timeout: Timeout = 30.0,
) -> None:
    """Register a user at CREDO."""
    from edge.credo_uplink import account
    from edge.credo_uplink.device import this_computer

    post = post_to(url, ca_file, timeout)
    who = account.NewUser(email, user, display_name or user, team, language)
    account.register(post, this_computer(), who, password_of(password_file))
    typer.echo(f"registered {user}; open the link in the mail to {email}, then: credo login")


def post_to(url: str, ca_file: Path | None, timeout_s: float) -> HttpsPost:
    """Make the way to the server of a URL."""
    from edge.credo_uplink.address import ServerAddress
    from edge.credo_uplink.client import HttpsPost

    return HttpsPost(ServerAddress.parse(url), ca_file=ca_file, timeout_s=timeout_s)


def password_of(path: Path | None) -> Secret:
    """Read the password, which must be there."""
    from edge.credo_uplink.secret import PASSWORD_VARIABLE, read_password
    from edge.errors import BadUse

    password = read_password(path, os.environ)
    if password is None:
        raise BadUse(f"no password: give --password-file or {PASSWORD_VARIABLE}")
    return password
