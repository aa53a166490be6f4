from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import BadUse
from edge.sources.url import SourceUrl, parse_source_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sim:", SourceUrl("sim")),
        (
            "sim:?seed=1&hits_per_min=60",
            SourceUrl("sim", "", {"seed": "1", "hits_per_min": "60"}),
        ),
        (
            "webcam:0?width=640&height=480",
            SourceUrl("webcam", "0", {"width": "640", "height": "480"}),
        ),
        ("webcam:/dev/video2", SourceUrl("webcam", "/dev/video2")),
        ("WEBCAM:0", SourceUrl("webcam", "0")),
        ("picamera:", SourceUrl("picamera")),
        (
            "recording:/data/x?paced=1&loop=1&fps=30",
            SourceUrl("recording", "/data/x", {"paced": "1", "loop": "1", "fps": "30"}),
        ),
        ("recording:///data/x", SourceUrl("recording", "/data/x")),
        ("recording:a%3Fb%20c", SourceUrl("recording", "a?b c")),
        ("sim:?a=1+2%26", SourceUrl("sim", "", {"a": "1+2&"})),
        ("/data/x", SourceUrl("recording", "/data/x")),
        ("data/50%25", SourceUrl("recording", "data/50%25")),
        ("data/x?paced=1", SourceUrl("recording", "data/x", {"paced": "1"})),
        ("./a:b", SourceUrl("recording", "./a:b")),
        ("C:\\frames", SourceUrl("recording", "C:\\frames")),
    ],
)
def test_parses(text: str, expected: SourceUrl) -> None:
    assert parse_source_url(text) == expected


def test_an_unknown_scheme_lists_the_known_ones() -> None:
    with pytest.raises(BadUse) as caught:
        parse_source_url("webcan:0")
    line = str(caught.value)
    for known in ("sim:", "webcam:", "picamera:", "recording:"):
        assert known in line
    assert 'did you mean "webcam:"' in line
    assert "\n" not in line


def test_a_file_whose_name_looks_like_a_url_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "night:1.npy").touch()
    (tmp_path / "a?b=c.npy").touch()
    assert parse_source_url("night:1.npy") == SourceUrl("recording", "night:1.npy")
    assert parse_source_url("a?b=c.npy") == SourceUrl("recording", "a?b=c.npy")


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_given_is_bad_use(text: str) -> None:
    with pytest.raises(BadUse, match="no source given"):
        parse_source_url(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [("sim:?seed", "has no value"), ("sim:?=1", "has no value"), ("sim:?a=1&a=2", "given twice")],
)
def test_a_malformed_query_is_bad_use(text: str, why: str) -> None:
    with pytest.raises(BadUse, match=why):
        parse_source_url(text)


@pytest.mark.parametrize("text", ["recording:", "recording:?loop=1", "RECORDING:%20", "?loop=1"])
def test_a_recording_without_a_path_is_bad_use_and_not_the_working_folder(text: str) -> None:
    with pytest.raises(BadUse, match="names no path") as caught:
        parse_source_url(text)
    assert "\n" not in str(caught.value)


def test_the_working_folder_can_be_named() -> None:
    assert parse_source_url("recording:.") == SourceUrl("recording", ".")


def test_its_name_leaves_the_options_out() -> None:
    assert str(parse_source_url("webcam:0?width=640")) == "webcam:0"
