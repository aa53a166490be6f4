"""Bad inputs for a module, and a way to run commands in this process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli.main import main
from tests.system.calls import Call


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of bad inputs, and a good calibration."""
    from tests.system import bad_inputs  # needs the readers' extras, which its tests ask for

    folder = tmp_path_factory.mktemp("given")
    bad_inputs.make(folder)
    assert main(["calibrate", str(folder / "dark.npy"), "--out", str(folder / "good.cal")]) == 0
    content = bytearray((folder / "good.cal").read_bytes())
    content[len(content) // 2] ^= 255
    (folder / "flipped.cal").write_bytes(content)
    bad_inputs.cut(folder / "good.cal", folder / "cut.cal", 0.7)
    return folder


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Run a command in this process: exit code, standard output, standard error."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(list(arguments))
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
