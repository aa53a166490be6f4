"""What an answer of the server is taken for."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from edge.credo_uplink.client import Answer
from edge.credo_uplink.device import Device
from edge.credo_uplink.items import Item
from edge.credo_uplink.request import Request
from edge.credo_uplink.verdict import Again, Denied, Refused, Stored, Useless, judge, retry_after_s

HIT = Request(Device("d"), (Item("hit", "r", "1", "d1", "s", {}),))
PING = Request(Device("d"), (Item("ping", "r", "1", "d1", "s", {}),))


@pytest.mark.parametrize(
    ("status", "kind", "not_stored"),
    [
        (400, Refused, None),
        (413, Refused, None),
        (422, Refused, None),
        (401, Denied, None),
        (403, Denied, None),
        (404, Useless, True),
        (405, Useless, True),
        (301, Useless, True),
        (408, Again, False),
        (429, Again, True),
        (500, Again, False),
        (503, Again, False),
        (599, Again, False),
        (100, Useless, True),
    ],
)
def test_a_status_has_one_meaning(status: int, kind: type, not_stored: bool | None) -> None:
    verdict = judge(Answer(status, b"<html>"), HIT)
    assert type(verdict) is kind
    assert getattr(verdict, "not_stored", None) is not_stored


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b'{"detections":[{"id":7}]}', (7,)),
        (b'{"detections":[{"id":7,"visible":true}],"message":"ok"}', (7,)),
        (b'{"detections":[{"id":"7"}]}', (None,)),
        (b'{"detections":[{"id":99999999999999999999999}]}', (None,)),
        (b'{"detections":[{"id":true}]}', (None,)),
        (b'{"detections":[null]}', (None,)),
    ],
)
def test_stored_is_what_has_a_row_for_each_hit(body: bytes, ids: tuple[int | None, ...]) -> None:
    assert judge(Answer(200, body), HIT) == Stored(ids)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"<html>", b"\xff", b'{"detections":[]}', b"[" * 100_000]
)
def test_anything_else_is_not(body: bytes) -> None:
    assert type(judge(Answer(200, body), HIT)) is Useless


def test_a_ping_is_answered_by_nothing() -> None:
    assert judge(Answer(200, b""), PING) == Stored((None,))
    assert judge(Answer(204, b""), PING) == Stored((None,))
    assert type(judge(Answer(200, b"<html>"), PING)) is Useless


def test_what_a_server_says_is_one_short_printable_line() -> None:
    verdict = judge(Answer(400, b'{"message":"a\\nb\\u001b[31m' + b"x" * 9000 + b'"}'), HIT)
    assert isinstance(verdict, Refused)
    assert verdict.reason.startswith("HTTP 400: a b [31mxxx")
    assert verdict.reason.isprintable()
    assert len(verdict.reason) < 320


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("7", 7),
        (" 120 ", 120),
        (formatdate(1060, usegmt=True), 60),
        (formatdate(900, usegmt=True), 0),
        ("-3", 0),
        ("soon", 0),
        ("", 0),
        ("9" * 400, 999_999_999),
        ("²", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float) -> None:
    assert retry_after_s(header, 1000.0) == seconds
