"""Source URLs: which source, what it opens, with which options."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from edge.errors import BadUse

SCHEMES: Mapping[str, str] = {
    "sim": "simulated camera, sim:?seed=1&hits_per_min=60",
    "webcam": "camera by OpenCV/V4L2, webcam:0?width=1280&height=720",
    "picamera": "Raspberry Pi camera, picamera:?exposure_ms=100",
    "recording": "a recording, recording:/path?paced=1 (or just its path)",
}

# Two letters at least, so that a drive letter is no scheme.
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceUrl:
    """A parsed source URL.

    Attributes
    ----------
    scheme : str
        A key of `SCHEMES`.
    target : str
        What it opens: a path, a camera's number or device, or "".
    options : mapping of str to str
        As written; each source parses its own.
    """

    scheme: str
    target: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.scheme}:{self.target}"


def parse_source_url(text: str) -> SourceUrl:
    """Parse ``scheme:target?key=value&…``; a plain path is a recording.

    In a URL with a scheme, target and options are percent-decoded; a plain path is taken as it
    is, and its options begin at the last "?" unless a file of the whole name exists.

    Raises
    ------
    BadUse
        Empty text, unknown scheme, a recording without a path, an option without a value or given
        twice.
    """
    if not text.strip():
        raise BadUse(f"no source given; known are {_known()} or the path of a recording")
    match = _SCHEME.match(text)
    if match is None or (match[1].lower() not in SCHEMES and Path(text).exists()):
        return _plain_path(text)
    scheme, rest = match[1].lower(), match[2]
    if scheme not in SCHEMES:
        raise BadUse(_unknown_scheme(text, scheme))
    target, _, query = rest.partition("?")
    if target.startswith("///"):  # recording:///data/x is recording:/data/x
        target = target[2:]
    target = unquote(target)
    if scheme == "recording":
        _refuse_no_path(target, text)
    return SourceUrl(scheme, target, _parse_query(query, f"{scheme}:{target}"))


def _plain_path(text: str) -> SourceUrl:
    if "?" in text and not Path(text).exists():
        path, _, query = text.rpartition("?")
        _refuse_no_path(path, text)
        return SourceUrl("recording", path, _parse_query(query, path))
    return SourceUrl("recording", text)


def _refuse_no_path(path: str, text: str) -> None:
    """An empty path would name the working folder, which nobody meant."""
    if not path.strip():
        raise BadUse(
            f'source "{text}" names no path; give recording:/path, or recording:. for here'
        )


def _parse_query(query: str, where: str) -> dict[str, str]:
    where = where.removesuffix(":")
    # Not parse_qsl: it reads "+" as a space and drops what has no value without a word.
    options: dict[str, str] = {}
    for item in filter(None, query.split("&")):
        key, equals, value = item.partition("=")
        key = unquote(key).strip()
        if not equals or not key:
            raise BadUse(f'{where}: option "{item}" has no value; write {key or "key"}=value')
        if key in options:
            raise BadUse(f'{where}: option "{key}" is given twice')
        options[key] = unquote(value)
    return options


def _unknown_scheme(text: str, scheme: str) -> str:
    near = difflib.get_close_matches(scheme, SCHEMES, n=1, cutoff=0.5)
    hint = f'; did you mean "{near[0]}:"?' if near else ""
    return f'unknown source "{text}": known are {_known()} or the path of a recording{hint}'


def _known() -> str:
    return ", ".join(f"{scheme}:" for scheme in SCHEMES)
