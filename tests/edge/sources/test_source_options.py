from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from edge.errors import BadUse
from edge.sources.options import parse_options


@dataclass(frozen=True)
class Options:
    width: int = 640
    exposure_ms: float | None = None
    paced: bool = False
    name: str = "cam"
    order: Literal["RGGB", "GRBG"] = "RGGB"

    def __post_init__(self) -> None:
        if self.width <= 0:
            raise ValueError("width must be above 0")


@dataclass(frozen=True)
class Required:
    path: str


@dataclass(frozen=True)
class Nothing:
    pass


def test_no_options_give_the_defaults() -> None:
    assert parse_options({}, Options, "cam:") == Options()


def test_each_kind_of_field_is_converted() -> None:
    given = {"width": "1280", "exposure_ms": "1e2", "paced": "yes", "name": "a b", "order": "GRBG"}
    assert parse_options(given, Options, "cam:") == Options(1280, 100.0, True, "a b", "GRBG")


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("TRUE", True), ("off", False), ("0", False)]
)
def test_bool_words(text: str, value: bool) -> None:
    assert parse_options({"paced": text}, Options, "cam:").paced is value


def test_an_empty_optional_is_none() -> None:
    assert parse_options({"exposure_ms": ""}, Options, "cam:").exposure_ms is None


def test_an_unknown_key_names_the_nearest_right_one_only() -> None:
    with pytest.raises(BadUse) as caught:
        parse_options({"widht": "3"}, Options, "cam:")
    assert str(caught.value) == 'cam: unknown option "widht"; did you mean "width"?'


def test_a_key_near_to_none_lists_none() -> None:
    with pytest.raises(BadUse) as caught:
        parse_options({"zzzz": "3"}, Options, "cam")
    assert str(caught.value) == 'cam: unknown option "zzzz"'


def test_a_source_without_options_says_so() -> None:
    with pytest.raises(BadUse, match="takes no options"):
        parse_options({"x": "3"}, Nothing, "cam")


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("width", "12.5", "a whole number"),
        ("width", "", "a whole number"),
        ("exposure_ms", "10ms", "a number"),
        ("exposure_ms", "nan", "a number"),
        ("exposure_ms", "inf", "a number"),
        ("paced", "maybe", "1 or 0"),
        ("order", "BGGR", "RGGB or GRBG"),
    ],
)
def test_a_bad_value_says_what_was_expected(key: str, text: str, expected: str) -> None:
    with pytest.raises(BadUse) as caught:
        parse_options({key: text}, Options, "cam")
    line = str(caught.value)
    assert line.startswith(f"cam: {key}: expected {expected}")
    assert line.endswith(f'got "{text}"')


def test_a_value_out_of_range_is_bad_use() -> None:
    with pytest.raises(BadUse, match="cam: width must be above 0"):
        parse_options({"width": "0"}, Options, "cam")


def test_a_missing_required_option_is_named() -> None:
    with pytest.raises(BadUse, match="option path= is missing"):
        parse_options({}, Required, "x")
