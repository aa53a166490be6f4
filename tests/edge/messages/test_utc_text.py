from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.messages import format_utc_ns, parse_utc_ns

FIRST = -62_135_596_800 * 10**9
LAST = 253_402_300_800 * 10**9 - 1


@given(st.integers(FIRST, LAST), st.integers(FIRST, LAST))
def test_every_nanosecond_survives_and_texts_sort_like_instants(one: int, other: int) -> None:
    assert parse_utc_ns(format_utc_ns(one)) == one
    assert (format_utc_ns(one) < format_utc_ns(other)) == (one < other)


def test_it_agrees_with_the_standard_library() -> None:
    moment = datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)
    assert format_utc_ns(int(moment.timestamp()) * 10**9 + 123456789) == (
        "2026-02-28T23:59:59.123456789Z"
    )
    assert format_utc_ns(0) == "1970-01-01T00:00:00.000000000Z"
    assert format_utc_ns(-1) == "1969-12-31T23:59:59.999999999Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21T10:00:00Z",
        "2026-11-21T10:00:00.000Z",
        "2026-11-21T10:00:00.000000000+00:00",
        "2026-02-30T10:00:00.000000000Z",
        "2026-11-21T24:00:00.000000000Z",
        "2026-11-21T10:00:60.000000000Z",
        "2026-11-21 10:00:00.000000000Z",
        "2026-11-21T10:00:00.000000000Z\n",
        "٢٠26-11-21T10:00:00.000000000Z",
    ],
)
def test_other_forms_and_impossible_instants_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"UTC|instant"):
        parse_utc_ns(text)


@pytest.mark.parametrize("utc_ns", [FIRST - 1, LAST + 1, 2**100])
def test_years_without_four_digits_are_refused(utc_ns: int) -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        format_utc_ns(utc_ns)
