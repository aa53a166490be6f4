"""A small recording to read and to damage."""

import pytest

from tests.edge.recording.recording_examples import write


@pytest.fixture
def recording(tmp_path):
    """Ten frames in three segments, number 3 bad."""
    return write(tmp_path / "recording")
