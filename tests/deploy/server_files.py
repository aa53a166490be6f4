"""deploy/server as a test uses it: its secrets made, its paths those of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.brokers import Mosquitto, free_port

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SERVER = DEPLOY / "server"
CONF = SERVER / "mosquitto.conf"
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


def url(folder: Path, port: int, name: str) -> str:
    """Where the broker is, for somebody with a certificate."""
    made = folder / "certificates"
    keys = f"cert_file={made}/{name}.crt&key_file={made}/{name}.key"
    return f"mqtts://localhost:{port}?ca_file={made}/authority.crt&{keys}"


@contextmanager
def server_broker(folder: Path, **changes: str) -> Iterator[Mosquitto]:
    """Run mosquitto with the server's file, but for its paths, its port, and other values."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH')}:/usr/sbin")
    if program is None or shutil.which("openssl") is None:
        pytest.skip("needs mosquitto and openssl")
    port, data = free_port(), folder / "broker"
    (data / "data").mkdir(parents=True, exist_ok=True)
    acl = data / "acl"
    acl.write_text((DEPLOY / "mosquitto.acl").read_text())
    acl.chmod(0o600)
    secrets = folder / "secrets"
    text = CONF.read_text()
    for there, here in {
        "/run/secrets/broker": f"{secrets}/broker",
        "/run/secrets/authority.crt": f"{secrets}/broker-authority.crt",
        "/run/secrets/authority.crl": f"{secrets}/authority.crl",
        "/etc/mosquitto/mosquitto.acl": str(acl),
        "/mosquitto/data/": f"{data}/data/",
        "listener 8883": f"listener {port} 127.0.0.1",
    }.items():
        assert there in text, there
        text = text.replace(there, here)
    for option, value in changes.items():
        text, found = re.subn(rf"^{option} .*$", f"{option} {value}", text, flags=re.MULTILINE)
        assert found == 1, option
    # It would give its rights away and then not reach the test's files.
    text += "\nuser root\n" if os.geteuid() == 0 else ""
    broker = Mosquitto(program, data, port, text)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def prometheus_program(name: str) -> str:
    """Debian's promtool or prometheus, or its files in build/debian (tools/packages)."""
    found = shutil.which(name) or shutil.which(name, path=str(UNPACKED))
    if found is None:
        pytest.skip(f"needs {name} (tools/packages prometheus)")
    return found
