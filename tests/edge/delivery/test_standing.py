"""What a running rig notes of its link for whoever asks it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.delivery import BrokerAddress
from edge.delivery.standing import FILE_NAME, Standing, StandingFile

BROKER = BrokerAddress.parse("mqtts://attic-1@box", environ={"COSMIC_EDGE_MQTT_PASSWORD": "hush"})


def test_what_is_noted_is_read_and_holds_no_password(tmp_path: Path) -> None:
    StandingFile(tmp_path, BROKER).note("refused", "5", "not authorized")
    found = Standing.read(tmp_path)
    assert found is not None
    assert (found.broker, found.state, found.protocol) == (str(BROKER), "refused", "5")
    assert found.error == "not authorized"
    assert "hush" not in (tmp_path / FILE_NAME).read_text()


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    file = StandingFile(tmp_path, BROKER)
    file.note("connected", "5", "")
    (tmp_path / FILE_NAME).unlink()
    file.note("connected", "5", "")
    assert Standing.read(tmp_path) is None
    file.note("offline", "5", "lost")
    assert Standing.read(tmp_path) is not None
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_folder_that_takes_nothing_does_not_end_the_delivery(tmp_path: Path) -> None:
    StandingFile(tmp_path / "gone", BROKER).note("connected", "5", "")
    assert Standing.read(tmp_path / "gone") is None


@given(st.binary(max_size=60))
def test_whatever_lies_there_is_nothing_or_a_standing(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / FILE_NAME).write_bytes(data)
    assert Standing.read(folder) is None


@pytest.mark.parametrize("text", ["[]", "{}", '{"state": "connected"}', '{"other": 1}', "null"])
def test_another_programs_file_is_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    assert Standing.read(tmp_path) is None
