"""A rig is added, sends, is revoked and taken back: with a real broker and its password file."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.delivery import BrokerAddress, Outbox, Uplink
from edge.delivery.backoff import FullJitter
from edge.detection import Draft
from edge.server.store import open_store
from tests.brokers import mosquitto
from tests.edge.server.collectors import collecting
from tests.edge.server.databases import rows
from tests.edge.server.rigs import eventually
from tests.message_examples import body

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not shutil.which("mosquitto_passwd"), reason="needs mosquitto_passwd"),
]
ACL = Path(__file__).resolve().parents[2] / "deploy" / "mosquitto.acl"
SERVER = ("collector", "a-word")


@pytest.fixture
def broker():
    with mosquitto(users=dict([SERVER]), acl=ACL.read_text()) as broker:
        yield broker


@pytest.fixture
def db(tmp_path):
    path = str(tmp_path / "fleet.db")
    open_store(path).close()
    return path


@pytest.fixture
def server(capsys, db):
    def run(*arguments, code=0):
        capsys.readouterr()
        assert main(["server", *map(str, arguments), "--db", db]) == code
        heard = capsys.readouterr()
        return heard.out + heard.err

    return run


@contextlib.contextmanager
def rig(folder, broker, password_file, name="attic-1"):
    """A rig's outbox and uplink, which logs in as a person would set it up."""
    url = broker.url.replace("mqtt://", f"mqtt://{name}@") + f"?password_file={password_file}"
    outbox = Outbox.open(folder, name)
    uplink = Uplink(outbox, BrokerAddress.parse(url), name, backoff=FullJitter(0.05, 0.2))
    try:
        uplink.start()
        yield outbox
    finally:
        uplink.stop()
        outbox.close()


def collector(broker, db, tmp_path):
    secret = tmp_path / "collector.password"
    secret.write_text(SERVER[1])
    secret.chmod(0o600)
    url = broker.url.replace("mqtt://", f"mqtt://{SERVER[0]}@") + f"?password_file={secret}"
    return collecting(url, db)


def hit():
    return [Draft("hit", body("hit"), "camera")]


def test_a_rig_is_let_in_locked_out_at_once_and_taken_back(broker, db, server, tmp_path):
    passwords = broker.folder / "passwords"
    first, second = tmp_path / "first", tmp_path / "second"
    with collector(broker, db, tmp_path) as collected:
        server("add", "attic-1", "--passwords", passwords, "--hand-over", first)
        broker.signal(signal.SIGHUP)
        with rig(tmp_path / "state", broker, first) as outbox:
            outbox.commit(hit())
            assert eventually(lambda: outbox.owed == 0)
            assert "revoked" in server("revoke", "attic-1", "--passwords", passwords)
            broker.signal(signal.SIGHUP)
            # The connection that was open is gone too, and no other is let in.
            assert eventually(lambda: "attic-1" in broker.log and "not authorised" in broker.log)
            outbox.commit(hit())
            assert not eventually(lambda: outbox.owed == 0, 2.0)
        assert collected.stats.stored == 1
        server("add", "attic-1", "--passwords", passwords, "--hand-over", second)
        broker.signal(signal.SIGHUP)
        with rig(tmp_path / "state", broker, second) as outbox:
            assert eventually(lambda: outbox.owed == 0)  # what it saw meanwhile was only late
        assert collected.stats.stored == 2
    assert rows(db, "SELECT count(*) FROM quarantine") == [(0,)]


def test_one_that_is_revoked_and_still_let_in_is_put_aside_and_comes_back_with_readmit(
    broker, db, server, tmp_path
):
    passwords, secret = broker.folder / "passwords", tmp_path / "secret"
    server("add", "attic-1", "--passwords", passwords, "--hand-over", secret)
    broker.signal(signal.SIGHUP)
    with (
        collector(broker, db, tmp_path) as collected,
        rig(tmp_path / "state", broker, secret) as outbox,
    ):
        assert "certificates.sh revoke attic-1" in server("revoke", "attic-1")
        outbox.commit(hit())
        assert eventually(lambda: outbox.owed == 0)
        assert collected.stats.quarantined == 1
        assert "· 0 hits · 1 quarantined · revoked 20" in server("rigs")
        server("add", "attic-1")
        assert json.loads(server("readmit", "--json")) == {"stored": 1}
    assert rows(db, "SELECT count(*) FROM hits") == [(1,)]


def test_the_password_is_in_one_file_and_nowhere_else(server, tmp_path):
    passwords, secret = tmp_path / "passwords", tmp_path / "secret"
    passwords.write_text("other:$7$101$abc$def\n")
    passwords.chmod(0o640)
    said = server("add", "attic-1", "--passwords", passwords, "--hand-over", secret)
    password = secret.read_text().strip()
    assert len(password) == 32
    assert secret.stat().st_mode & 0o777 == 0o600
    assert passwords.stat().st_mode & 0o777 == 0o640
    assert re.fullmatch(r"other:\$7\$101\$abc\$def\nattic-1:\$7\$\d+\$\S+\n", passwords.read_text())
    assert password not in said + passwords.read_text()
    renewed = tmp_path / "renewed"
    server("add", "attic-1", "--passwords", passwords, "--hand-over", renewed, "--renew")
    assert renewed.read_text() != secret.read_text()
    assert passwords.read_text().count("attic-1:") == 1
    assert sorted(one.name for one in tmp_path.iterdir() if "fleet" not in one.name) == [
        "passwords", "renewed", "secret",
    ]  # fmt: skip


def test_a_password_is_shown_only_where_that_is_asked_for(server, tmp_path):
    passwords, secret = tmp_path / "passwords", tmp_path / "secret"
    said = server("add", "a-1", "--passwords", passwords, "--hand-over", secret, "--print")
    assert secret.read_text().strip() in said
    said = server("add", "a-2", "--passwords", passwords, "--hand-over", tmp_path / "2", "--json")
    assert set(json.loads(said)) == {"rig", "new", "password_file"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["add", "Attic"], 2, "no rig's name"),
        (["add", "cosmic-edge-collect-0123"], 2, "take another name"),
        (["add", "collector"], 2, "the server's own user"),
        (["add", "watch"], 2, "the server's own user"),
        (["add", "attic-1", "--print"], 2, "go with --passwords"),
        (["add", "attic-1", "--passwords", "THERE", "--hand-over", "THERE"], 2, "there already"),
        (["add", "taken", "--passwords", "THERE", "--hand-over", "NEW"], 2, "--renew"),
        (["add", "attic-1", "--passwords", "/no/such/place", "--hand-over", "NEW"], 1, "written"),
        (["rename", "nobody", "roof"], 1, "no rig 'nobody'"),
        (["rename", "nobody", "Roof!"], 2, "no rig's name"),
        (["revoke", "nobody"], 1, "no rig 'nobody'"),
        (["erase", "nobody", "--yes"], 1, "no rig 'nobody'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_changes_nothing(
    server, tmp_path, arguments, code, words
):
    there = tmp_path / "there"
    there.write_text("taken:$7$1$a$b\n")
    places = {"THERE": there, "NEW": tmp_path / "new"}
    said = server(*(places.get(one, one) for one in arguments), code=code)
    assert said.count("\n") == 1
    assert words in said
    assert there.read_text() == "taken:$7$1$a$b\n"
    assert not (tmp_path / "new").exists()


def test_renaming_shows_in_the_list_and_keeps_the_key(server, db):
    server("add", "attic-1")
    assert "goes on sending as attic-1" in server("rename", "attic-1", "roof")
    assert "attic-1 (roof) · nothing yet" in server("rigs")
    assert "roof: revoked" not in server("revoke", "roof")
    fleet = json.loads(server("rigs", "--json"))["fleet"]
    assert [(one["rig"], one["name"], one["revoked_utc"] is None) for one in fleet] == [
        ("attic-1", "roof", False)
    ]
