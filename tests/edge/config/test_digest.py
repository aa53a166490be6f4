"""The hash follows what decides on hits, and nothing else."""

from __future__ import annotations

import pytest

from edge.config import Config, config_hash, load_config, message_hash

DETECTION = {
    "calibration.frames": 400,
    "calibration.false_triggers_per_hour": 1.0,
    "cover.mean_limit_adu": 70.0,
    "trigger.preset": "credo",
    "trigger.seed_sigma": 6.0,
    "veto.edge_px": 1,
    "hold.frames": 2,
    "crop.size_px": 128,
    "display.pixel_pitch_um": 1.4,
}
OTHER = {
    "rig.name": "attic",
    "source.url": "webcam:0",
    "broker.ack": "broker",
    "calibration.reuse": False,
    "outbox.group_commit_rows": 1,
    "injection.share": 0.1,
}
IN_MESSAGES = {
    "exposure.period_s": 2.0,
    "position.altitude_m": 3.0,
    "zero_bias.window_px": 5,
}


@pytest.mark.parametrize("key", DETECTION)
def test_what_decides_on_hits_changes_both_hashes(key):
    changed = load_config(None, {key: DETECTION[key]})
    assert config_hash(changed) != config_hash(Config())
    assert message_hash(changed) != message_hash(Config())


@pytest.mark.parametrize("key", IN_MESSAGES)
def test_what_stands_in_messages_changes_only_their_hash(key):
    changed = load_config(None, {key: IN_MESSAGES[key]})
    assert config_hash(changed) == config_hash(Config())
    assert message_hash(changed) != message_hash(Config())


@pytest.mark.parametrize("key", OTHER)
def test_the_rest_changes_neither(key):
    changed = load_config(None, {key: OTHER[key]})
    assert config_hash(changed) == config_hash(Config())
    assert message_hash(changed) == message_hash(Config())


def test_the_hash_is_the_same_in_every_process():
    """A literal: a change that moves every rig's hash is to be seen."""
    assert config_hash(Config()) == "be26a6eee12dd306"
