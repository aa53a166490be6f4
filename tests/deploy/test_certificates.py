"""Certificates for a fleet, made by the script: a rig writes as itself and as nobody else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.delivery import BrokerAddress, Outbox, Uplink
from edge.delivery.backoff import FullJitter
from tests.brokers import Mosquitto, free_port, mosquitto
from tests.edge.delivery.test_outbox import hits
from tests.edge.delivery.uplinks import wait_until

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SCRIPT = DEPLOY / "server" / "certificates.sh"
CONF = DEPLOY / "server" / "client-certificates.conf"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
unraisable = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""paho lets go of a socket whose handshake failed without closing it; Python then says so."""


def make(folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [str(SCRIPT), *arguments],
        env=os.environ | {"CERTIFICATES": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert code == 0 or done.stderr.count("\n") == 1
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet") / "certificates"
    make(folder, "authority")
    make(folder, "broker", "localhost", "127.0.0.1")
    for name in ("cellar-1", "attic-1", "lost-1"):
        make(folder, "client", name)
    return folder


@contextmanager
def broker(fleet: Path) -> Iterator[tuple[Mosquitto, int]]:
    """A broker as deploy/ sets it up: certificates, and the access list."""
    port = free_port()
    options = re.sub(r"/etc/mosquitto/certs", str(fleet), CONF.read_text())
    options = "\n".join(line for line in options.splitlines() if not line.startswith("#"))
    # As put into mosquitto.conf: they hold for the listener above them. The plain one before it
    # only shows that the broker is up.
    tls = f"listener {port} 127.0.0.1\n{options}\n"
    tls += f"certfile {fleet}/broker.crt\nkeyfile {fleet}/broker.key\n"
    acl = fleet.parent / "acl"
    acl.write_text((DEPLOY / "mosquitto.acl").read_text())
    acl.chmod(0o600)
    with mosquitto(options=tls + f"acl_file {acl}") as started:
        yield started, port


@contextmanager
def rig(
    folder: Path, fleet: Path, port: int, rig: str, cert: str
) -> Iterator[tuple[Outbox, Uplink]]:
    url = f"mqtts://localhost:{port}?ca_file={fleet}/authority.crt"
    if cert:
        url += f"&cert_file={fleet}/{cert}.crt&key_file={fleet}/{cert}.key"
    outbox = Outbox.open(folder / rig / (cert or "none"), rig)
    uplink = Uplink(
        outbox, BrokerAddress.parse(url, environ={}), rig, ack="broker",
        backoff=FullJitter(0.02, 0.1),
    )  # fmt: skip
    try:
        uplink.start()
        outbox.commit(hits(3))
        uplink.wake()
        yield outbox, uplink
    finally:
        uplink.stop()
        outbox.close()


@unraisable
@pytest.mark.mosquitto
def test_a_rig_writes_as_itself_and_with_anothers_certificate_as_nobody(
    tmp_path: Path, fleet: Path
) -> None:
    with broker(fleet) as (_, port):
        with rig(tmp_path, fleet, port, "cellar-1", "cellar-1") as (outbox, uplink):
            assert uplink.drain(10)
            assert outbox.counts().totals["hits_acknowledged"] == 3
        with rig(tmp_path, fleet, port, "cellar-1", "attic-1") as (outbox, uplink):
            wait_until(lambda: "reason 135" in uplink.stats.last_error)
            wait_until(lambda: uplink.stats.state == "refused")
            assert outbox.owed == 3  # a fault of the set-up: nothing is given up


@unraisable
@pytest.mark.mosquitto
def test_without_a_certificate_and_with_a_revoked_one_nobody_comes_in(
    tmp_path: Path, fleet: Path
) -> None:
    with broker(fleet) as (started, port):
        with rig(tmp_path, fleet, port, "cellar-1", "") as (outbox, uplink):
            wait_until(lambda: uplink.stats.last_error)
            assert not uplink.drain(0.5)
            assert uplink.stats.connections == 0
        kept = [shutil.copy(fleet / f"lost-1.{kind}", tmp_path) for kind in ("crt", "key")]
        make(fleet, "revoke", "lost-1")
        for path in kept:  # whoever stole them has a copy
            shutil.copy(path, fleet)
        started.stop()
        started.start()
        with rig(tmp_path, fleet, port, "lost-1", "lost-1") as (outbox, uplink):
            wait_until(lambda: uplink.stats.last_error)
            assert not uplink.drain(0.5)
            assert (uplink.stats.connections, outbox.owed) == (0, 3)


def test_keys_are_readable_by_their_owner_alone(fleet: Path) -> None:
    keys = list(fleet.glob("*.key"))
    assert len(keys) >= 4
    assert {key.stat().st_mode & 0o077 for key in keys} == {0}


def test_nothing_is_overwritten_and_bad_use_is_one_line(tmp_path: Path, fleet: Path) -> None:
    before = (fleet / "cellar-1.key").read_bytes()
    assert "is there already" in make(fleet, "client", "cellar-1", code=1)
    assert "is there already" in make(fleet, "authority", code=1)
    assert (fleet / "cellar-1.key").read_bytes() == before
    assert "run" in make(tmp_path / "none", "client", "cellar-1", code=1)
    for wrong in (["client", "Cellar 1"], ["client", "../x"], ["client"], [], ["nonsense"]):
        make(fleet, *wrong, code=2)
    make(fleet, "broker", "a;b", code=1)
    for wrong in ("authority", "../x", ""):
        make(fleet, "revoke", wrong, code=2)
    assert (fleet / "authority.key").exists()


def signed_by(folder: Path, authority: str, name: str) -> bool:
    command = ["openssl", "verify", "-crl_check", "-CAfile", str(folder / f"{authority}.crt")]
    lists = ["-CRLfile", str(folder / f"{authority}.crl")]
    done = subprocess.run(
        [*command, *lists, str(folder / f"{name}.crt")], capture_output=True, check=False
    )
    return done.returncode == 0


def test_the_servers_own_are_signed_by_another_authority_than_rigs(fleet: Path) -> None:
    make(fleet, "server", "watch")
    assert signed_by(fleet, "servers", "watch")
    assert signed_by(fleet, "authority", "cellar-1")
    assert not signed_by(fleet, "authority", "watch")
    assert not signed_by(fleet, "servers", "cellar-1")


def test_no_rig_is_given_a_name_that_means_somebody_else(fleet: Path) -> None:
    for name in ("collector", "watch", "broker", "authority", "servers", "cosmic-edge-collect-0"):
        make(fleet, "client", name, code=2)
    for name in ("cellar-1", "admin", "", "../x"):
        make(fleet, "server", name, code=2)


def test_one_of_the_servers_own_can_be_revoked_and_made_anew(fleet: Path, tmp_path: Path) -> None:
    make(fleet, "server", "collector")
    old = tmp_path / "old.crt"
    shutil.copy(fleet / "collector.crt", old)
    assert "servers.crl" in make(fleet, "revoke", "collector")
    make(fleet, "server", "collector")
    assert signed_by(fleet, "servers", "collector")
    shutil.copy(old, fleet / "old.crt")
    assert not signed_by(fleet, "servers", "old")


def test_a_fleet_made_before_there_was_a_second_authority_gets_one(tmp_path: Path) -> None:
    """And what the first one signed for the server's own is revoked there."""
    folder = tmp_path / "certificates"
    make(folder, "authority")
    make(folder, "broker", "localhost")
    # As it was: the collector was a client like any other, signed by the one authority.
    make(folder, "client", "old-collector")
    for kind in ("crt", "key"):
        (folder / f"old-collector.{kind}").rename(folder / f"collector.{kind}")
        (folder / f"servers.{kind}").unlink()
    old = (folder / "collector.crt").read_bytes()
    subprocess.run(
        [str(SCRIPT.with_name("prepare.sh")), "localhost"],
        env=os.environ | {"CERTIFICATES": str(folder), "SECRETS": str(tmp_path / "secrets")},
        check=True,
        capture_output=True,
    )
    assert signed_by(folder, "servers", "collector")
    (folder / "old.crt").write_bytes(old)
    assert not signed_by(folder, "authority", "old")
    assert (tmp_path / "secrets" / "servers.crl").exists()


def test_a_folder_may_be_named_by_its_way_from_here_and_moved(tmp_path: Path) -> None:
    def run(cwd: Path, named: str, *arguments: str) -> None:
        environ = os.environ | {"CERTIFICATES": named}
        subprocess.run(
            [str(SCRIPT), *arguments], cwd=cwd, env=environ, check=True, capture_output=True
        )

    run(tmp_path, "here", "authority")
    (tmp_path / "here").rename(tmp_path / "there")
    run(tmp_path.parent, str(tmp_path / "there"), "client", "cellar-1")
    assert (tmp_path / "there" / "cellar-1.crt").exists()


def test_every_line_of_the_example_has_its_reason() -> None:
    before = ""
    for line in CONF.read_text().splitlines():
        assert not line or line.startswith("#") or before.startswith("#"), line
        before = line
