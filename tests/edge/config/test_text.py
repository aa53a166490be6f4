"""A written configuration is complete, explained, and read back as it was."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import Config, load_config
from edge.config.text import to_toml
from edge.config.wording import UNITS

COUNTS = {
    "frames", "max_candidates_per_frame", "hot_repeat_count", "flood_candidates",
    "group_commit_rows", "false_triggers_per_hour", "muon_rate_per_cm2_min", "bright_share_limit",
    "mean_limit_adu", "share", "seed", "adu_per_e", "geohash_letters",
}  # fmt: skip


def test_every_key_is_there_with_its_comment():
    text = to_toml(Config())
    lines = text.splitlines()
    for name, section in Config():
        assert f"[{name}]" in lines
        for key in type(section).model_fields:
            at = next(
                i for i, line in enumerate(lines) if line.startswith((f"{key} =", f"# {key} ="))
            )
            assert lines[at - 1].startswith("# ")


def test_the_defaults_are_read_back(tmp_path):
    path = tmp_path / "rig.toml"
    path.write_text(to_toml(Config()), encoding="utf-8")
    assert load_config(path) == Config()


@settings(max_examples=40, deadline=None)
@given(
    provider=st.text(min_size=1, max_size=20),
    period_s=st.floats(1, 86_400),
    servers=st.lists(st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True), max_size=3),
    latitude=st.floats(-90, 90),
)
def test_any_value_is_read_back_as_it_was(provider, period_s, servers, latitude):
    config = Config.model_validate(
        {
            "position": {"provider": provider, "latitude_deg": latitude, "longitude_deg": 0.0},
            "exposure": {"period_s": period_s},
            "clock": {"ntp_servers": servers},
        }
    )
    assert Config.model_validate(tomllib.loads(to_toml(config))) == config


@pytest.mark.parametrize("section", list(Config.model_fields))
def test_every_number_has_a_unit_in_its_name_or_is_a_count(section):
    model = Config.model_fields[section].annotation
    for key, about in model.model_json_schema()["properties"].items():
        kinds = {kind.get("type") for kind in about.get("anyOf", [about])}
        if kinds & {"integer", "number"}:
            assert key in COUNTS or key.rsplit("_", 1)[-1] in UNITS, key
        assert len(about["description"]) > 10, key
