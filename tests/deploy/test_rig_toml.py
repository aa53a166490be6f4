"""The example configuration of a rig can be used as it is."""

from __future__ import annotations

from pathlib import Path

from edge.cli.main import main
from edge.config import Config, load_config

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_it_is_accepted_and_says_where_the_rig_is():
    config = load_config(DEPLOY / "rig.toml")
    assert config.rig.name != Config().rig.name
    assert config.broker.url.startswith("mqtts://")
    assert config.position.latitude_deg is not None


def test_check_finds_nothing_wrong_with_it(capsys):
    assert main(["config", "check", "--config", str(DEPLOY / "rig.toml")]) == 0
    assert capsys.readouterr().err == ""
