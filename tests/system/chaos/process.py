"""A program that is killed at will, and started again as a supervisor would."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import REPOSITORY


class Program:
    """One command line; what it says goes to a file.

    Attributes
    ----------
    exits : int
        How often it ended by itself and was started again.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        # Whatever ends the test, nothing of it goes on.
        wrapper = shutil.which("setpriv")
        self._command = [*([wrapper, "--pdeathsig", "KILL"] if wrapper else []), *command]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = False
        self.exits = 0

    def start(self) -> None:
        """Start it, where it does not run."""
        if self.running:
            return
        self._ending = False
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=REPOSITORY
            )

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    def supervise(self) -> None:
        """Start it again if it ended by itself."""
        if self._process is not None and not self.running and not self._ending:
            self.exits += 1
            self.start()

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def terminate(self) -> None:
        """Ask it to end in order; it is not started again."""
        self._ending = True
        self.signal(signal.SIGTERM)

    def signal(self, number: int) -> None:
        """Send a signal, such as SIGSTOP, where it runs."""
        if self._process is not None and self.running:
            self._process.send_signal(number)

    @property
    def log(self) -> str:
        """What it has said."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""
