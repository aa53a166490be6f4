"""A broker of one's own on a loopback port, for `demo` and for tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from edge.errors import Failed

_TRIES = 3
_READY_TIMEOUT_S = 15.0
_ADMIN_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")

# Nothing is kept on disk, so the broker's user needs no folder. As root mosquitto would give its
# rights away, and with them the request to die with its parent.
_MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 0
max_queued_messages 1000000
log_dest stderr
log_timestamp false
log_type error
log_type warning
log_type information
{user}
"""


class EmbeddedBroker:
    """Context manager around a private broker: mosquitto, or amqtt where that is missing.

    It lives in a session of its own, so that a Ctrl-C in the terminal leaves it standing until
    the rig and the collector have drained; it dies with the thread that entered it.

    Parameters
    ----------
    prefer : {"mosquitto", "amqtt"} or None
        Take only this one; None: mosquitto if there is one, else amqtt.
    port : int or None
        Loopback port to listen on; None: a free one.

    Attributes
    ----------
    kind : str
        "mosquitto" or "amqtt", once entered.
    url : str
        Where it listens; amqtt speaks MQTT 3.1.1 only and its URL says so.

    Raises
    ------
    edge.errors.Failed
        On entry: neither is installed, or it did not start.
    """

    def __init__(self, prefer: str | None = None, port: int | None = None) -> None:
        self._prefer = prefer
        self._fixed_port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.kind = ""
        self.url = ""

    @property
    def pid(self) -> int:
        """Process id of the broker."""
        assert self._process is not None, "not entered"  # noqa: S101
        return self._process.pid

    def __enter__(self) -> EmbeddedBroker:
        self._folder = tempfile.TemporaryDirectory(prefix="cosmic-edge-broker-")
        try:
            self._start(Path(self._folder.name))
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _start(self, folder: Path) -> None:
        self.kind, program = _choose(self._prefer)
        said = ""
        for _ in range(1 if self._fixed_port else _TRIES):
            port = self._fixed_port or _free_port()
            command = _mosquitto(program, port, folder) if program else _amqtt(port)
            with (folder / "log").open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own command
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            if _runs(self._process, folder / "log"):
                version = "" if self.kind == "mosquitto" else "?protocol=3.1.1"
                self.url = f"mqtt://127.0.0.1:{port}{version}"
                return
            said = (folder / "log").read_text(errors="replace").strip()
            self._end_process()
        why = said.splitlines()[-1] if said else f"no answer within {_READY_TIMEOUT_S:g} s"
        raise Failed(f"the embedded broker ({self.kind}) did not start: {why}")

    def _end_process(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _stop(self) -> None:
        self._end_process()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def find_mosquitto() -> str | None:
    """Path of the mosquitto program; Debian keeps it where a user's PATH does not look."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_ADMIN_FOLDERS])
    return shutil.which("mosquitto", path=path)


def _choose(prefer: str | None) -> tuple[str, str | None]:
    program = find_mosquitto() if prefer in (None, "mosquitto") else None
    if program:
        return "mosquitto", program
    if prefer in (None, "amqtt") and find_spec("amqtt") is not None:
        return "amqtt", None
    raise Failed(
        f"no {prefer or 'broker'} here: install mosquitto (apt install mosquitto) or "
        "amqtt (pip install 'cosmic-edge[demo]'), or name a running broker with --broker"
    )


def _mosquitto(program: str, port: int, folder: Path) -> list[str]:
    user = "user root" if os.geteuid() == 0 else ""
    conf = folder / "mosquitto.conf"
    conf.write_text(_MOSQUITTO_CONF.format(port=port, user=user))
    tied = [sys.executable, "-m", "edge.server.lifeline", str(os.getpid())]
    return [*tied, program, "-c", str(conf)]


def _amqtt(port: int) -> list[str]:
    return [sys.executable, "-m", "edge.server.amqtt_process", str(port), str(os.getpid())]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _runs(process: subprocess.Popen[bytes], log: Path) -> bool:
    """Wait until it says so; that the port answers could be another program's doing."""
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if b" running" in log.read_bytes():
            return True
        time.sleep(0.005)
    return False
