"""A hit's message is kept without its picture, which has a column of its own."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from edge.server.postgres_rows import without_crop

DATA = "iVBORw0KGgoAAAANSUhEUgAAADwAAAA8EAAAAAB"


def expected(text):
    message = json.loads(text)
    message["crop"]["data"] = None
    return message


@given(
    series=st.text(max_size=30) | st.just('"data":"') | st.just(f'"data":"{DATA}"') | st.just(DATA),
    data=st.text("ABab09+/", min_size=32, max_size=60),
    spaces=st.booleans(),
    first=st.booleans(),
    other=st.none() | st.fixed_dictionaries({"data": st.just(DATA) | st.text(max_size=5)}),
)
def test_only_the_picture_goes(series, data, spaces, first, other):
    crop = {"crop": {"x0_px": 1, "data": data}}
    rest = {"series": series, "other": other}
    message = {**crop, **rest} if first else {**rest, **crop}
    text = json.dumps(message, separators=(", ", ": ") if spaces else (",", ":"))
    assert json.loads(without_crop(text, data)) == expected(text)


def test_a_name_that_stands_twice_in_the_text_takes_the_long_way():
    message = {"crop": {"data": DATA}, "other": {"data": DATA}}
    text = json.dumps(message, separators=(",", ":"))
    assert json.loads(without_crop(text, DATA)) == expected(text)


def test_a_picture_that_is_gone_leaves_the_text_alone_but_for_null():
    text = json.dumps({"crop": {"data": DATA}}, separators=(",", ":"))
    assert without_crop(text, DATA) == '{"crop":{"data":null}}'
