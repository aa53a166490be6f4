"""Tokens and passwords: from a file that is the user's alone, or the environment; never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from edge.errors import BadUse, Failed
from edge.secretfile import read_secret

TOKEN_VARIABLE = "COSMIC_EDGE_CREDO_TOKEN"  # noqa: S105 - the name of the variable
PASSWORD_VARIABLE = "COSMIC_EDGE_CREDO_PASSWORD"  # noqa: S105 - the name of the variable
_TOKEN = re.compile(r"[!-~]{1,255}")
_MAX_PASSWORD_CHARS = 128


class Secret:
    """A text that no log, error or representation shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Text itself, for the request alone."""
        return self._value

    def hide_in(self, text: str) -> str:
        """Blot it out of a text, such as what a server answered."""
        return text.replace(self._value, "…")

    def __repr__(self) -> str:
        return "Secret(…)"


def read_token(path: Path | None, environ: Mapping[str, str]) -> Secret | None:
    """Read the token from the environment or a file; None where neither has one.

    Raises
    ------
    BadUse
        The file can't be read or can be read by others, or it holds no token.
    """
    value = _read(path, TOKEN_VARIABLE, environ, "token")
    if value is None:
        return None
    if not _TOKEN.fullmatch(value):
        where = TOKEN_VARIABLE if environ.get(TOKEN_VARIABLE) else f"token file {path}"
        raise BadUse(f"{where} holds no token: one word of printable ASCII")
    return Secret(value)


def read_password(path: Path | None, environ: Mapping[str, str]) -> Secret | None:
    """Read the password from the environment or a file; None where neither has one.

    Raises
    ------
    BadUse
        The file can't be read or can be read by others, or it is too long for the API.
    """
    value = _read(path, PASSWORD_VARIABLE, environ, "password")
    if value is not None and len(value) > _MAX_PASSWORD_CHARS:
        raise BadUse(f"the password is longer than CREDO takes ({_MAX_PASSWORD_CHARS} characters)")
    return None if value is None else Secret(value)


def write_token(path: Path, token: Secret) -> None:
    """Write a token into a file that is the user's alone; it appears when it is whole.

    Raises
    ------
    Failed
        It can't be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(token.reveal() + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise Failed(f"token file {path} can't be written: {error.strerror or error}") from None


def _read(path: Path | None, variable: str, environ: Mapping[str, str], what: str) -> str | None:
    if environ.get(variable):
        return environ[variable]
    return None if path is None else read_secret(path, what)
