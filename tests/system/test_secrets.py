"""A password stands in its owner's file or environment, and nowhere else that a command leaves."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.brokers import Mosquitto, free_port, make_certificates, mosquitto
from tests.postgres import Postgres

pytestmark = pytest.mark.mosquitto

SECRET = 'Kx7"pä/%41:@q\\w'
WRONG = 'Wr0ng"ö/%42:@z\\v'
_DATABASE = "Dbs3cret/:@pass"
_SOURCE = "sim:?width=160&height=120&hits_per_min=600&seed=3"
# Every logger at its loudest, paho's too, and frames with their variables where it falls over.
_LOUD = """
import logging, os, sys
logging.basicConfig(level=logging.DEBUG)
import paho.mqtt.client as mqtt
made = mqtt.Client.__init__
def make(self, *args, **more):
    made(self, *args, **more)
    self.enable_logger()
mqtt.Client.__init__ = make
if os.environ.get("FALL_OVER"):
    from edge.delivery.transport import Transport
    from edge.server.connection import Connection
    def fall(self, **more):
        raise RuntimeError(f"fell over {self!r} {self._address!r}")
    Transport.open = Connection.open = fall
from edge.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def _prove(fault: str) -> Any:
    """Each waits out the ten seconds of an orderly end."""
    return pytest.param(fault, marks=pytest.mark.prove)


def forms(secret: str) -> set[bytes]:
    """A secret as it is, and as JSON, a URL or an encoding would write it."""
    plain = secret.encode()
    written = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    written |= {quote(secret, safe=""), quote(secret), repr(secret)[1:-1], secret[:5], secret[-5:]}
    encoded = {base64.b64encode(plain), plain.hex().encode(), plain}
    return encoded | {one.encode() for one in written}


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


def watched(
    arguments: list[str], environ: Mapping[str, str], folder: Path, secrets: tuple[str, ...]
) -> Ended:
    """Run a command to its end, and look for secrets in all that others could see of it."""
    left = subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", _LOUD, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
        env={**os.environ, "PYTHONWARNINGS": "ignore", **environ},
    )  # fmt: skip
    seen = b""
    while left.poll() is None and len(seen) < 4096:
        seen += command_lines(left.pid)
        time.sleep(0.2)
    out, err = left.communicate(timeout=60)
    places = {"standard output": out, "standard error": err, "list of processes": seen}
    places |= {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for place, content in places.items():
        for secret in secrets:
            found = [form for form in forms(secret) if form in content]
            assert not found, f"{place}: {found}"
    return Ended(left.returncode, out.decode(), err.decode())


def command_lines(pid: int) -> bytes:
    """What a list of processes shows of a process and its children."""
    try:
        shown = Path(f"/proc/{pid}/cmdline").read_bytes()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return b""
    return shown + b"".join(command_lines(int(child)) for child in children)


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    users = {"cellar-1": SECRET, "server": SECRET}
    with mosquitto(users=users) as running:
        yield running


@pytest.fixture
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the password, outside of what is searched."""
    path = tmp_path_factory.mktemp("hidden") / "password"
    path.touch(mode=0o600)
    path.write_text(f"{SECRET}\n")
    return path


def config(folder: Path, broker: str, *lines: str) -> str:
    path = folder / "rig.toml"
    text = f'[rig]\nname = "cellar-1"\nstate_dir = "{folder}/state"\n[source]\nurl = "{_SOURCE}"\n'
    path.write_text("\n".join([text, "[broker]", f'url = "{broker}"', *lines]))
    return str(path)


def run(folder: Path, broker: str, *lines: str, environ: Mapping[str, str] | None = None) -> Ended:
    arguments = ["run", "--config", config(folder, broker, *lines), "--duration", "2", "--json"]
    return watched(arguments, environ or {}, folder, (SECRET, WRONG))


def test_a_rig_that_is_let_in_by_its_file_shows_it_nowhere(
    tmp_path: Path, broker: Mosquitto, hidden: Path
) -> None:
    login = ('username = "cellar-1"', f'password_file = "{hidden}"')
    ended = run(tmp_path, broker.url, *login)
    assert ended.code == 0
    assert "u'cellar-1'" in broker.log
    assert json.loads(ended.out)["outbox"] > 0  # nobody confirms
    for command in ("doctor", "config show"):
        arguments = [*command.split(), "--config", str(tmp_path / "rig.toml")]
        watched(
            [*arguments, "--json"] if command == "doctor" else arguments, {}, tmp_path, (SECRET,)
        )


@pytest.mark.parametrize("fault", ["wrong", *map(_prove, ("nobody", "no TLS", "falls over"))])
def test_a_rig_that_is_not_let_in_shows_its_password_nowhere(
    tmp_path: Path, broker: Mosquitto, fault: str
) -> None:
    login = {"COSMIC_EDGE_MQTT_USERNAME": "cellar-1", "COSMIC_EDGE_MQTT_PASSWORD": SECRET}
    url = broker.url
    match fault:
        case "wrong":
            login["COSMIC_EDGE_MQTT_PASSWORD"] = WRONG
        case "nobody":
            url = f"mqtt://127.0.0.1:{free_port()}"
        case "no TLS":
            url = url.replace("mqtt://", "mqtts://")
        case _:
            login["FALL_OVER"] = "1"
    ended = run(tmp_path, url, environ=login)
    summary = json.loads(ended.out)
    assert summary["published"] == 0
    assert summary["outbox"] > 0
    said = {"wrong": "not authorized", "nobody": "refused", "no TLS": "", "falls over": "fell over"}
    assert said[fault] in ended.err.lower()


def test_a_certificate_of_nobody_known_does_not_get_the_password(tmp_path: Path) -> None:
    own, folder = tmp_path / "own", tmp_path / "seen"
    own.mkdir()
    folder.mkdir()
    make_certificates(own)
    port = free_port()
    tls = f"listener {port} 127.0.0.1\ncertfile {own}/cert.pem\nkeyfile {own}/key.pem"
    login = {"COSMIC_EDGE_MQTT_USERNAME": "cellar-1", "COSMIC_EDGE_MQTT_PASSWORD": SECRET}
    with mosquitto(options=tls) as running:
        ended = run(folder, f"mqtts://localhost:{port}", environ=login)
        assert "not trusted" in ended.err
        assert "cellar-1" not in running.log
    assert json.loads(ended.out)["published"] == 0


@pytest.mark.parametrize(
    "how", ["in the URL", "in the configuration", "as a key", "for all to read"]
)
def test_a_password_in_the_wrong_place_is_refused_in_one_line(
    tmp_path: Path, hidden: Path, how: str
) -> None:
    place = f"cellar-1:{quote(SECRET, safe='')}@box"
    arguments = ["run", "--duration", "1", "--state-dir", str(tmp_path / "state")]
    text = "[broker]\n"
    match how:
        case "in the URL":
            arguments += ["--broker", f"mqtt://{place}"]
        case "in the configuration":
            text += f'url = "mqtt://{place}"'
        case "as a key":
            text += f"password = '{SECRET}'"
        case _:
            hidden.chmod(0o640)
            text += f'username = "cellar-1"\npassword_file = "{hidden}"'
    written = hidden.parent / "rig.toml"
    written.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "edge.cli.main", *arguments, "--config", str(written)],
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert not [form for form in forms(SECRET) if form in done.stdout + done.stderr]
    assert not (tmp_path / "state").exists()


def test_asking_a_rig_shows_the_password_nowhere(
    tmp_path: Path, broker: Mosquitto, hidden: Path
) -> None:
    to = broker.url.replace("mqtt://", "mqtt://server@")
    for url, environ in (
        (f"{to}?password_file={hidden}", {}),
        (to, {"COSMIC_EDGE_MQTT_PASSWORD": WRONG}),
        (to, {"COSMIC_EDGE_MQTT_PASSWORD": SECRET, "FALL_OVER": "1"}),
    ):
        arguments = ["ask", "cellar-1", "report", "--broker", url, "--timeout", "1", "--json"]
        ended = watched(arguments, environ, tmp_path, (SECRET, WRONG))
        assert ended.code == 1


@pytest.mark.parametrize("fault", ["none", "wrong", *map(_prove, ("nobody", "falls over"))])
def test_a_collector_shows_the_brokers_password_nowhere(
    tmp_path: Path, broker: Mosquitto, hidden: Path, fault: str
) -> None:
    to = broker.url.replace("mqtt://", "mqtt://server@")
    environ = {"FALL_OVER": "1"} if fault == "falls over" else {}
    if fault == "wrong":
        environ["COSMIC_EDGE_MQTT_PASSWORD"] = WRONG
    if fault == "nobody":
        to = f"mqtt://server@127.0.0.1:{free_port()}"
    arguments = ["collect", "--broker", f"{to}?password_file={hidden}", "--json"]
    arguments += ["--db", "c.db", "--duration", "1.5"]
    ended = watched(arguments, environ, tmp_path, (SECRET, WRONG))
    assert ended.code == (0 if fault == "none" else 1)
    assert not ended.out or json.loads(ended.out)["received"] == 0


@pytest.mark.postgresql
@pytest.mark.parametrize("fault", ["none", "wrong", "gone"])
def test_a_collector_shows_the_databases_password_nowhere(
    tmp_path: Path, broker: Mosquitto, hidden: Path, postgres: Postgres, fault: str
) -> None:
    name = postgres.create().partition("@/")[2].partition("?")[0]
    postgres.execute("DROP ROLE IF EXISTS kept")
    postgres.execute(f"CREATE ROLE kept LOGIN PASSWORD '{_DATABASE}'")
    postgres.execute(f"ALTER DATABASE {name} OWNER TO kept")
    postgres.reload_access("local all kept scram-sha-256")
    database = postgres.url("missing" if fault == "gone" else name, "kept")
    environ = {"PGPASSWORD": _DATABASE + ("x" if fault == "wrong" else "")}
    to = broker.url.replace("mqtt://", "mqtt://server@")
    arguments = ["collect", "--broker", f"{to}?password_file={hidden}", "--db", database]
    ended = watched([*arguments, "--duration", "1"], environ, tmp_path, (SECRET, _DATABASE))
    assert ended.code == (0 if fault == "none" else 1), ended.err
    watched(["server", "rigs", "--db", database], environ, tmp_path, (_DATABASE,))
    postgres.drop(postgres.url(name))
    postgres.execute("DROP ROLE kept")
