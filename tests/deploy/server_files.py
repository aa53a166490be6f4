"""deploy/server as a test uses it: its secrets made, its paths those of this machine."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.brokers import Mosquitto, free_port

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SERVER = DEPLOY / "server"
CONF = SERVER / "mosquitto.conf"
OWN = ("collector", "watch")
UNPACKED = Path(__file__).resolve().parents[2] / "build" / "debian" / "usr" / "bin"


def prepare(folder: Path, *hosts: str) -> Path:
    """Run prepare.sh, and return the folder of the secrets."""
    done = subprocess.run(
        [str(SERVER / "prepare.sh"), *hosts],
        env=os.environ | {"CERTIFICATES": f"{folder}/certificates", "SECRETS": f"{folder}/secrets"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "secrets"


def certificate(folder: Path, name: str) -> None:
    """Make the certificate of a rig, as the README has it."""
    subprocess.run(
        [str(SERVER / "certificates.sh"), "client", name],
        env=os.environ | {"CERTIFICATES": f"{folder}/certificates"},
        check=True,
        capture_output=True,
    )


def context(folder: Path, name: str) -> ssl.SSLContext:
    """TLS of a client; of one without a certificate where the name is empty."""
    made = folder / "certificates"
    found = ssl.create_default_context(cafile=str(made / "authority.crt"))
    if name:
        found.load_cert_chain(made / f"{name}.crt", made / f"{name}.key")
    return found


@dataclass(frozen=True, slots=True)
class ServerBroker:
    """The server's broker, running.

    Attributes
    ----------
    folder : Path
        Of `prepare`.
    process : Mosquitto
        Its `port` is the rigs'.
    own_port : int
        That of the server's own.
    """

    folder: Path
    process: Mosquitto
    own_port: int

    @property
    def port(self) -> int:
        """Where rigs come in."""
        return self.process.port

    def port_of(self, name: str) -> int:
        """Where somebody of this name comes in."""
        return self.own_port if name in OWN else self.port

    def url(self, name: str) -> str:
        """Where the broker is, for somebody with a certificate."""
        made = self.folder / "certificates"
        keys = f"cert_file={made}/{name}.crt&key_file={made}/{name}.key"
        return f"mqtts://localhost:{self.port_of(name)}?ca_file={made}/authority.crt&{keys}"


@contextmanager
def server_broker(folder: Path, **changes: str) -> Iterator[ServerBroker]:
    """Run mosquitto with the server's file, but for its paths, its ports, and other values.

    What it keeps lies in the folder ``broker/data``, and is there again when it is run anew.
    """
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH')}:/usr/sbin")
    if program is None or shutil.which("openssl") is None:
        pytest.skip("needs mosquitto and openssl")
    port, own_port, home = free_port(), free_port(), folder / "broker"
    (home / "data").mkdir(parents=True, exist_ok=True)
    process = Mosquitto(program, home, port, _options(folder, port, own_port, changes))
    process.start()
    try:
        yield ServerBroker(folder, process, own_port)
    finally:
        process.stop()


def _options(folder: Path, port: int, own_port: int, changes: Mapping[str, str]) -> str:
    secrets, home = folder / "secrets", folder / "broker"
    acl = home / "acl"
    acl.write_text((DEPLOY / "mosquitto.acl").read_text())
    acl.chmod(0o600)
    text = CONF.read_text()
    for there, here in {
        "/run/secrets/broker": f"{secrets}/broker",
        "/run/secrets/authority.crt": f"{secrets}/broker-authority.crt",
        "/run/secrets/authority.crl": f"{secrets}/authority.crl",
        "/run/secrets/servers": f"{secrets}/servers",
        "/etc/mosquitto/mosquitto.acl": str(acl),
        "/mosquitto/data/": f"{home}/data/",
        "listener 8883": f"listener {port} 127.0.0.1",
        "listener 8884": f"listener {own_port} 127.0.0.1",
    }.items():
        assert there in text, there
        text = text.replace(there, here)
    for option, value in changes.items():
        text, found = re.subn(rf"^{option} .*$", f"{option} {value}", text, flags=re.MULTILINE)
        assert found, option
    # It would give its rights away and then not reach the test's files.
    return text + ("\nuser root\n" if os.geteuid() == 0 else "")


def prometheus_program(name: str) -> str:
    """Debian's promtool or prometheus, or its files in build/debian (tools/packages)."""
    found = shutil.which(name) or shutil.which(name, path=str(UNPACKED))
    if found is None:
        pytest.skip(f"needs {name} (tools/packages prometheus)")
    return found
