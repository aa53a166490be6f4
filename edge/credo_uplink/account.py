"""CREDO's accounts: a user is registered once, a login gives the token that requests carry."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from edge.credo_uplink.client import Answer, Post, Unheard, Unreached
from edge.credo_uplink.device import Device
from edge.credo_uplink.metadata import compact
from edge.credo_uplink.secret import Secret
from edge.credo_uplink.verdict import said
from edge.errors import BadUse, Failed

_NAME_CHARS = 50
_LEAST_CHARS = 3
_TOKEN = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class NewUser:
    """Who registers.

    Attributes
    ----------
    email : str
    username, display_name : str
        3 to 50 characters.
    team : str
        At most 50 characters; "": none.
    language : str
        ISO 639-1.
    """

    email: str
    username: str
    display_name: str
    team: str = ""
    language: str = "en"

    def fields(self) -> dict[str, str]:
        """Ready for JSON.

        Raises
        ------
        BadUse
            A field is not as the API wants it.
        """
        for name in ("username", "display_name"):
            if not _LEAST_CHARS <= len(getattr(self, name)) <= _NAME_CHARS:
                raise BadUse(f"{name} must have {_LEAST_CHARS} to {_NAME_CHARS} characters")
        if len(self.team) > _NAME_CHARS or not 1 <= len(self.language) <= 10:
            raise BadUse("team may have 50 characters, language 10")
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", self.email):
            raise BadUse(f"{self.email!r} is no email address")
        return {
            "email": self.email,
            "username": self.username,
            "display_name": self.display_name,
            "team": self.team,
            "language": self.language,
        }


def log_in(post: Post, device: Device, user: str, password: Secret) -> Secret:
    """Get the token of a user, named by user name or email.

    Raises
    ------
    Failed
        The server can't be reached or does not know them; the line holds no secret.
    """
    name = "email" if "@" in user else "username"
    answer = _ask(post, "user/login", device, {name: user, "password": password})
    try:
        token = json.loads(answer.body)["token"]
    except (ValueError, RecursionError, KeyError, TypeError):
        token = None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Failed("login: what answers there is no CREDO server; is --url right?")
    return Secret(token)


def register(post: Post, device: Device, user: NewUser, password: Secret) -> None:
    """Register a user; CREDO then sends an email with a link that opens the account.

    Raises
    ------
    BadUse
        A field is not as the API wants it.
    Failed
        The server can't be reached or refuses; the line holds no secret.
    """
    _ask(post, "user/register", device, {**user.fields(), "password": password})


def _ask(post: Post, endpoint: str, device: Device, fields: Mapping[str, str | Secret]) -> Answer:
    plain = {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in fields.items()
    }
    secrets = [value for value in fields.values() if isinstance(value, Secret)]

    def hide(text: str) -> str:
        for secret in secrets:
            text = secret.hide_in(text)
        return text

    body = compact(device.fields() | plain).encode("ascii")
    what = endpoint.rpartition("/")[2]
    try:
        answer = post(endpoint, body, None)
    except (Unreached, Unheard) as error:
        raise Failed(f"{what}: no answer from the server: {error}") from None
    if not 200 <= answer.status < 300:
        raise Failed(f"{what} refused: HTTP {answer.status}{said(answer.body, hide)}")
    return answer
