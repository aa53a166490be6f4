"""The systemd unit: systemd accepts it, and it fits the example configuration."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edge.cli.main import COMMANDS
from edge.config import load_config

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "cosmic-edge.service"


@pytest.fixture(scope="module")
def settings() -> dict[str, list[str]]:
    """Every value of a setting; a key may come several times."""
    settings: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            settings.setdefault(key, []).append(value)
    return settings


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_it(settings, tmp_path):
    program = settings["ExecStart"][0].split()[0]
    unit = tmp_path / UNIT.name
    # The program is not installed here; what stands in for it must exist.
    unit.write_text(UNIT.read_text().replace(program, shutil.which("true")))
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_it_starts_a_command_with_the_example_s_place(settings):
    program, command, *options = settings["ExecStart"][0].split()
    assert Path(program).name == "cosmic-edge"
    assert command in COMMANDS
    assert options == ["--config", "/etc/cosmic-edge/rig.toml"]


def test_the_state_is_where_the_service_may_write(settings):
    config = load_config(DEPLOY / "rig.toml")
    assert config.rig.state_dir == Path("/var/lib") / settings["StateDirectory"][0]
    environment = dict(line.split("=", 1) for line in settings["Environment"])
    cache = Path("/var/cache") / settings["CacheDirectory"][0]
    assert cache in Path(environment["NUMBA_CACHE_DIR"]).parents


def test_the_password_is_where_systemd_puts_it(settings):
    name, place = settings["LoadCredential"][0].split(":")
    assert Path(place).is_absolute()
    wanted = load_config(DEPLOY / "rig.toml").broker.password_file
    assert wanted == Path("/run/credentials") / UNIT.name / name


def test_it_starts_again_after_a_fault_but_not_after_bad_use(settings):
    assert settings["Restart"] == ["always"]
    assert settings["RestartPreventExitStatus"] == ["2"]
    assert settings["StartLimitIntervalSec"] == ["0"]


def test_the_clock_s_state_can_be_read(settings):
    """`adjtimex` is not in systemd's @system-service."""
    assert {"adjtimex", "clock_adjtime"} <= set(settings["SystemCallFilter"][0].split())
    assert "ProtectClock" not in settings


def test_draining_fits_into_the_time_to_stop(settings):
    assert int(settings["TimeoutStopSec"][0]) > 2 * 10
