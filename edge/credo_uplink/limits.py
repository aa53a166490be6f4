"""Limits of CREDO's API, version 2, and values cut to them.

They are those of ``credoapiv2/serializers.py`` and of the tables behind it (``credocommon``) in
credo-webapp: a text is trimmed, must not be empty and holds no NUL; a whole number that its column
of 32 bits can't hold is no refusal there but a server error, each time it is sent.
"""

from __future__ import annotations

DEVICE_CHARS = 50
PROVIDER_CHARS = 20
FRAME_CONTENT_CHARS = 40_000
"""A picture's base64 stays below; the server's own documentation says 10,000."""
METADATA_CHARS = 10_000
INT32_MAX = 2**31 - 1


def clean(text: str, chars: int, default: str) -> str:
    """Cut a text to what the server takes: printable, no blank ends, not empty.

    Parameters
    ----------
    text : str
    chars : int
        Most characters.
    default : str
        Where nothing is left of it.
    """
    printable = "".join(one if one.isprintable() else " " for one in text)
    return printable.strip()[:chars].rstrip() or default


def int32(value: int | None) -> int | None:
    """Pass a number from 0 on that a column of 32 bits holds; None for any other."""
    return value if value is not None and 0 <= value <= INT32_MAX else None
