"""A secret in a file that is its owner's alone."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import BadUse

_MOST_BYTES = 4096


def read_secret(path: Path, what: str) -> str:
    """Read the first line of a file; others must not be able to read it.

    Parameters
    ----------
    path : Path
    what : str
        Such as ``password``, for the error's line, which never holds the secret.

    Raises
    ------
    BadUse
        The file is missing, empty, readable by others or no text.
    """
    try:
        with path.open("rb") as file:
            # Of the file that is open: one that takes its name later is not the one that is read.
            shared = os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077
            # As editors write it: with a byte order mark, with CR LF.
            text = file.read(_MOST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise BadUse(f"{what} file {path} can't be read: {why}") from None
    if shared:
        raise BadUse(f"{what} file {path} can be read by others; chmod 600 {path}")
    secret = text.partition("\n")[0].rstrip("\r")
    if not secret:
        raise BadUse(f"{what} file {path} is empty")
    return secret
