"""A real mosquitto for a test: on a free port, with the options it needs, killed and restarted."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
_START_S = 10.0


def free_port() -> int:
    """Return a loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """One broker; `start`, `stop`, `kill` and `start` again keep its port and its files."""

    def __init__(self, program: str, folder: Path, port: int, config: str) -> None:
        self.port = port
        self.url = f"mqtt://127.0.0.1:{port}"
        self.folder = folder
        self._command = [program, "-c", str(folder / "mosquitto.conf")]
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "mosquitto.conf").write_text(config)

    @property
    def log(self) -> str:
        """What it has said since its first start."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and return once it accepts connections."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.005)
        raise AssertionError(f"mosquitto did not start: {self.log}")

    def stop(self) -> None:
        """End it in order; idempotent."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def signal(self, number: int) -> None:
        """Send a signal, such as SIGHUP (read the access list anew) or SIGSTOP (hang)."""
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def mosquitto(
    *,
    port: int | None = None,
    options: str = "",
    users: Mapping[str, str] | None = None,
    acl: str | None = None,
    started: bool = True,
) -> Iterator[Mosquitto]:
    """Run a mosquitto on a loopback port; skips the test where there is none.

    Parameters
    ----------
    port : int, optional
        Where it listens; None: a free one.
    options : str
        Further lines of its configuration file.
    users : Mapping of str to str, optional
        Names and passwords; None: anybody may come.
    acl : str, optional
        Access list; it may be changed in ``folder / "acl"`` and read anew with SIGHUP.
    started : bool
        False: the test calls `start`.
    """
    program = shutil.which("mosquitto", path=_SEARCH)
    if program is None:
        pytest.skip("needs mosquitto (apt install mosquitto)")
    with TemporaryDirectory(prefix="mosquitto-") as name:
        folder = Path(name)
        chosen = port or free_port()
        lines = [
            f"listener {chosen} 127.0.0.1",
            f"allow_anonymous {'false' if users is not None else 'true'}",
            "log_dest stderr",
            "log_type all",
            *(["user root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
            *([f"password_file {_password_file(folder, users)}"] if users is not None else []),
            *([f"acl_file {folder / 'acl'}"] if acl is not None else []),
            options,
        ]
        if acl is not None:
            (folder / "acl").write_text(acl)
            (folder / "acl").chmod(0o600)
        broker = Mosquitto(program, folder, chosen, "\n".join(lines) + "\n")
        if started:
            broker.start()
        try:
            yield broker
        finally:
            broker.stop()


def encrypted(folder: Path, port: int) -> str:
    """Options of a further listener with TLS; its certificate is ``cert.pem`` in the folder."""
    make_certificates(folder)
    files = f"certfile {folder}/cert.pem\nkeyfile {folder}/key.pem"
    return f"listener {port} 127.0.0.1\n{files}\nallow_anonymous true"


def make_certificates(folder: Path) -> None:
    """Write ``cert.pem`` and ``key.pem`` of a broker on localhost; skips without openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


def _password_file(folder: Path, users: Mapping[str, str]) -> Path:
    program = shutil.which("mosquitto_passwd", path=_SEARCH)
    if program is None:
        pytest.skip("needs mosquitto_passwd")
    path = folder / "passwords"
    path.touch(mode=0o600)
    for name, password in users.items():
        subprocess.run([program, "-b", str(path), name, password], check=True, capture_output=True)
    return path
