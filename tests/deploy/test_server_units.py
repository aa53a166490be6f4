"""The server's systemd units: systemd accepts them, and the program understands what they start."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess

import pytest

from edge.delivery.address import BrokerAddress
from edge.metrics.address import Listen
from tests.deploy.server_files import DEPLOY, SERVER, prepare
from tests.deploy.test_compose import parsed

UNITS = {
    "collector": SERVER / "cosmic-edge-collector@.service",
    "watch": SERVER / "cosmic-edge-watch.service",
}
each = pytest.mark.parametrize("who", UNITS)


def settings(path):
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def started(who):
    """The command line, as systemd would make it."""
    unit = settings(UNITS[who])
    known = dict(line.split("=", 1) for line in unit["Environment"])
    known["STATE_DIRECTORY"] = f"/var/lib/{unit.get('StateDirectory', [''])[0]}"
    line = unit["ExecStart"][0]
    for name, value in known.items():
        line = line.replace(f"${{{name}}}", shlex.quote(value))
    line = line.replace("%d", "/run/credentials/unit").replace("%i", "1")
    assert not re.search(r"\$|%\w", line)
    return shlex.split(line)


@each
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_it_and_little_exposed(who, tmp_path):
    program = settings(UNITS[who])["ExecStart"][0].split()[0]
    unit = tmp_path / UNITS[who].name.replace("@.", "@1.")
    # The program is not installed here; what stands in for it must exist.
    unit.write_text(UNITS[who].read_text().replace(program, shutil.which("true")))
    for command in (["verify", "--man=no"], ["security", "--offline=true", "--threshold=20"]):
        result = subprocess.run(
            ["systemd-analyze", *command, unit],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (result.returncode, result.stderr) == (0, ""), result.stdout[-300:]


@each
def test_the_program_understands_its_command(who):
    program, *arguments = started(who)
    assert program == settings(DEPLOY / "cosmic-edge.service")["ExecStart"][0].split()[0]
    options = parsed(arguments)
    address = BrokerAddress.parse(options["broker"])
    assert address.port == 8884
    assert Listen.parse(options["metrics"]).host == "127.0.0.1"
    assert options["db"].startswith("postgresql://cosmic@")


@each
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_every_secret_it_names_is_given_to_it_and_made_by_prepare(who, tmp_path):
    given = dict(line.split(":") for line in settings(UNITS[who])["LoadCredential"])
    named = set(re.findall(r"/run/credentials/unit/([\w.-]+)", " ".join(started(who))))
    assert named == set(given)
    made = {path.name for path in prepare(tmp_path, "localhost").iterdir()}
    assert set(given) <= made
    assert set(given.values()) == {f"/etc/cosmic-edge/secrets/{name}" for name in given}


@each
def test_it_is_locked_up_as_a_rig_is_and_starts_again(who):
    unit, rig = settings(UNITS[who]), settings(DEPLOY / "cosmic-edge.service")
    of_a_camera = {"DeviceAllow", "SystemCallFilter", "RestrictAddressFamilies", "ProtectHostname"}
    for key, value in rig.items():
        if key.startswith(("Protect", "Restrict", "Private", "NoNew", "Capab", "Lock", "UMask")):
            assert key in of_a_camera or unit[key] == value, key
    assert unit["Restart"] == ["always"]
    assert unit["RestartPreventExitStatus"] == ["2"]
