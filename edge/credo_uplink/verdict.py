"""What an answer of the server means for the request."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from edge.credo_uplink.client import Answer
from edge.credo_uplink.limits import clean
from edge.credo_uplink.request import Request

_REASON_CHARS = 300
_HITS_FAULT = frozenset({400, 413, 422})
_TOO_EARLY = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Stored:
    """The server has it: its ids, in the order of the hits; None of a ping."""

    server_ids: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Something in the body is at fault; sending it again helps nobody."""

    reason: str


@dataclass(frozen=True, slots=True)
class Again:
    """Trying again may help.

    Attributes
    ----------
    reason : str
    wait_s : float
        What the server asks for.
    not_stored : bool
        Surely not stored, whatever the request held: there was no server, or it takes no more
        for now. Else nobody knows.
    """

    reason: str
    wait_s: float = 0.0
    not_stored: bool = False


@dataclass(frozen=True, slots=True)
class Denied:
    """The token is not, or no longer, good."""

    reason: str


@dataclass(frozen=True, slots=True)
class Useless:
    """No hit's fault, and trying again won't help: another address, another API."""

    reason: str
    not_stored: bool = True


Verdict = Stored | Refused | Again | Denied | Useless


def judge(
    answer: Answer,
    request: Request,
    *,
    hide: Callable[[str], str] = str,
    now_s: float | None = None,
) -> Verdict:
    """Say what an answer means.

    Parameters
    ----------
    answer : Answer
    request : Request
    hide : callable
        Blots secrets out of what the server says.
    now_s : float, optional
        Unix time, against which a Retry-After with a date is read.
    """
    status = answer.status
    reason = f"HTTP {status}{said(answer.body, hide)}"
    if 200 <= status < 300:
        return _stored(answer.body, request)
    if status in (401, 403):
        return Denied(reason)
    if status in _HITS_FAULT:
        return Refused(reason)
    if status in _TOO_EARLY or status >= 500:
        wait_s = retry_after_s(answer.retry_after, time.time() if now_s is None else now_s)
        return Again(reason, wait_s, not_stored=status in (425, 429))
    if 300 <= status < 400:
        to = clean(hide(answer.location or ""), _REASON_CHARS, "nowhere").partition("?")[0]
        return Useless(f"HTTP {status}: redirected to {to}, which is not followed; set --url")
    return Useless(f"{reason}; is --url right?")


def retry_after_s(header: str | None, now_s: float) -> float:
    """Read a Retry-After, seconds or a date; 0 where there is none, or nonsense."""
    if header is None:
        return 0.0
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(parsedate_to_datetime(text).timestamp() - now_s, 0.0)
    except (ValueError, OverflowError):
        return 0.0


def _stored(body: bytes, request: Request) -> Verdict:
    strange = Useless("what answers there is no CREDO server; is --url right?", not_stored=False)
    if request.endpoint == "ping":
        return Stored((None,)) if not body.strip() or _json(body) is not None else strange
    value = _json(body)
    rows = value.get("detections") if isinstance(value, dict) else None
    if not isinstance(rows, list) or len(rows) != len(request.items):
        return strange
    ids = [row.get("id") if isinstance(row, dict) else None for row in rows]
    return Stored(tuple(one if type(one) is int and 0 <= one < 2**63 else None for one in ids))


def said(body: bytes, hide: Callable[[str], str]) -> str:
    """What the server says, after a colon in one short line; a page of HTML says nothing."""
    value = _json(body)
    words = value.get("message", value.get("detail")) if isinstance(value, dict) else value
    return f": {clean(hide(str(words)), _REASON_CHARS, '')}" if words else ""


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
