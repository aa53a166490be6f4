"""A configuration is read, or refused with the file, the line and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config import BadConfig, Config, load_config
from edge.errors import BadUse


def write(folder: Path, text: str) -> Path:
    path = folder / "rig.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str) -> str:
    """The one line a user reads, without the folder."""
    path = write(folder, text)
    with pytest.raises(BadUse) as caught:
        load_config(path)
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.exit_code == 2
    assert line.startswith(str(path))
    return line.removeprefix(f"{folder}/")


def test_without_a_file_every_key_has_its_default():
    config = load_config()
    assert config == Config()
    assert config.rig.name == "rig"
    assert config.source.url == "picamera:"
    assert config.broker.ack == "server"
    assert config.calibration.frames == 500
    assert config.trigger.seed_sigma is None


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path):
    path = write(tmp_path, '[rig]\nname = "attic-2"\n[hold]\nframes = 5\n')
    config = load_config(path)
    assert (config.rig.name, config.hold.frames) == ("attic-2", 5)
    assert config.calibration == Config().calibration


def test_an_override_wins_over_the_file_and_none_is_no_override(tmp_path):
    path = write(tmp_path, '[rig]\nname = "attic"\n[source]\nurl = "webcam:0"\n')
    config = load_config(path, {"rig.name": "cellar", "source.url": None, "exposure.period_s": 2.0})
    assert config.rig.name == "cellar"
    assert config.source.url == "webcam:0"
    assert config.exposure.period_s == 2.0


def test_a_bad_override_is_refused_without_a_line(tmp_path):
    path = write(tmp_path, '[rig]\nname = "attic"\n')
    with pytest.raises(BadUse, match=r"^\[rig\] name must be 1 to 64 of a-z.*not \"A B\"$"):
        load_config(path, {"rig.name": "A B"})


def test_a_whole_number_is_taken_where_a_number_is_wanted(tmp_path):
    assert load_config(write(tmp_path, "[exposure]\nperiod_s = 30\n")).exposure.period_s == 30.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n[hold]\nframe = 3\n", 'rig.toml:3: [hold] has no key "frame"; did you mean "frames"?'),
        (
            "[calibration]\nframes_s = 3\n",
            'rig.toml:2: [calibration] has no key "frames_s"; '
            'did you mean "frames" (another unit)?',
        ),
        (
            "[calibration]\n\nfalse_triggers_per_min = 3\n",
            'rig.toml:3: [calibration] has no key "false_triggers_per_min"; '
            'did you mean "false_triggers_per_hour" (another unit)?',
        ),
        (
            "[exposure]\nperiod_ms = 3\n",
            'rig.toml:2: [exposure] has no key "period_ms"; '
            'did you mean "period_s" (another unit)?',
        ),
        (
            "[display]\npixel_pitch_mm = 3\n",
            'rig.toml:2: [display] has no key "pixel_pitch_mm"; '
            'did you mean "pixel_pitch_um" (another unit)?',
        ),
        (
            "[veto]\nseed_sigma = 3\n",
            'rig.toml:2: [veto] has no key "seed_sigma"; it belongs to [trigger]',
        ),
        (
            "[crop]\nzzz = 3\n",
            'rig.toml:2: [crop] has no key "zzz"; it has size_px',
        ),
        ("[brokr]\nack = 3\n", "rig.toml:1: there is no table [brokr]; did you mean [broker]?"),
        ("size_px = 3\n", 'rig.toml:1: "size_px" belongs below [crop]'),
        ("hold = 3\n", "rig.toml:1: [hold]: must be a table"),
        ('broker.akc = "server"\n', 'rig.toml:1: [broker] has no key "akc"; did you mean "ack"?'),
    ],
)
def test_a_wrong_key_names_its_line_and_the_nearest_right_one(tmp_path, text, expected):
    assert refusal(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("section", "line", "expected"),
    [
        ("hold", 'frames = "3"', 'frames must be a whole number from 1 to 100, not "3"'),
        ("hold", "frames = true", "frames must be a whole number from 1 to 100, not true"),
        ("hold", "frames = 3.5", "frames must be a whole number from 1 to 100, not 3.5"),
        ("hold", "frames = 0", "frames must be a whole number from 1 to 100, not 0"),
        ("exposure", "period_s = nan", "period_s must be a number from 1 to 86400, not nan"),
        ("veto", "row_column = 1", "row_column must be true or false, not 1"),
        ("broker", 'ack = "none"', 'ack must be "server" or "broker", not "none"'),
        ("trigger", "seed_sigma = 0", "seed_sigma must be a number above 0, at most 1000, not 0"),
        ("rig", "state_dir = 3", "state_dir must be a path in quotes, not 3"),
        ("rig", 'state_dir = ""', "state_dir: must not be empty"),
        ("clock", "ntp_servers = [3]", "ntp_servers must be a list of host names"),
        (
            "exposure",
            "period_s = 1979-05-27",
            "period_s must be a number from 1 to 86400, not 1979-05-27",
        ),
    ],
)  # fmt: skip
def test_a_wrong_value_names_its_line_and_what_is_allowed(tmp_path, section, line, expected):
    text = f"# a comment\n[{section}]\n\n{line}  # here\n"
    assert refusal(tmp_path, text).startswith(f"rig.toml:4: [{section}] {expected}")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://host", "must be mqtt://host[:port] or mqtts://host[:port]"),
        ("host:1883", "must be mqtt://host[:port] or mqtts://host[:port]"),
        ("mqtt://:1883", "must be mqtt://host[:port] or mqtts://host[:port]"),
        ("mqtt://host:99999", "is no URL (port out of range 0-65535)"),
        ("mqtt://host:x", "is no URL"),
        ("mqtt://host/path", "must end after the port"),
        ("mqtt://[::1", "is no URL"),
        ("mqtt://host?protocol=4", "there are 5 and 3.1.1"),
        ("mqtt://host?protocoll=5", "no option 'protocoll'; did you mean protocol?"),
        ("mqtt://host?ca_file=/x", "certificates need mqtts://"),
        ("mqtts://host?cert_file=/x", "cert_file and key_file go together"),
    ],
)
def test_a_broker_that_is_no_mqtt_url_is_refused(tmp_path, url, complaint):
    assert complaint in refusal(tmp_path, f'[broker]\nurl = "{url}"\n')


@pytest.mark.parametrize(
    "url",
    [
        "mqtt://broker",
        "mqtts://broker.example:8884",
        "mqtt://[::1]:1",
        "mqtt://host:1883?protocol=3.1.1",
        "mqtt://host/?protocol=5&password_file=/not/here/yet",
        "mqtts://host?ca_file=/a&cert_file=/b&key_file=/c@d",
    ],
)
def test_a_broker_url_is_kept_as_it_is_written(url):
    assert load_config(None, {"broker.url": url}).broker.url == url


@pytest.mark.parametrize("rest", ["host", "host:x", "host?protocol=5"])
def test_a_password_in_the_broker_url_is_refused_and_not_repeated(tmp_path, rest):
    line = refusal(tmp_path, f'[broker]\nurl = "mqtt://me:geheim@{rest}"\n')
    assert "password_file" in line
    assert "geheim" not in line


def test_an_unknown_source_is_refused_with_its_line(tmp_path):
    line = refusal(tmp_path, '[source]\nurl = "picam:"\n')
    assert line.startswith('rig.toml:2: [source] url: unknown source "picam:"')


def test_half_a_position_is_refused(tmp_path):
    line = refusal(tmp_path, "[position]\nlatitude_deg = 52.1\n")
    assert line == "rig.toml:1: [position]: latitude_deg and longitude_deg must be set together"


@pytest.mark.parametrize("lines", ["seed_sigma = 4.0\ngrowth_sigma = 5.0\n", "seed_sigma = 3.0\n"])
def test_growth_above_seed_is_refused(tmp_path, lines):
    line = refusal(tmp_path, f"[trigger]\n{lines}")
    assert "must not be above seed_sigma" in line


def test_all_problems_are_known_in_the_order_of_their_lines(tmp_path):
    path = write(tmp_path, "[hold]\nframes = 0\nx = 1\n[crop]\nsize_px = 1\n[nothing]\n")
    with pytest.raises(BadConfig, match=r"\(and 3 more\)$") as caught:
        load_config(path)
    assert [problem.line for problem in caught.value.problems] == [2, 3, 5, 6]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[rig]\nname = rig\n", "rig.toml:2: not TOML: "),
        (b"[rig]\n[rig]\n", "rig.toml:2: not TOML: "),
        (b'[rig]\nname = """\nopen', "rig.toml:3: not TOML: "),
        (b"[rig]\n\n# \xff\n", "rig.toml:3: not UTF-8 text"),
        (b"\x00\x01", "rig.toml:1: not TOML: "),
        (b"a = " + b"[" * 20_000 + b"]" * 20_000, "rig.toml:1: nested deeper"),
        (b".".join([b"a"] * 2000) + b" = 1", "rig.toml:1: nested deeper"),
        (b'[rig]\nstate_dir = "a\\u0000b"', "rig.toml:2: [rig] state_dir: a path can't hold a NUL"),
    ],
)
def test_what_is_not_toml_is_refused_with_its_line(tmp_path, content, expected):
    path = tmp_path / "rig.toml"
    path.write_bytes(content)
    with pytest.raises(BadUse) as caught:
        load_config(path)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_written_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "rig.toml"
    path.write_bytes(b"\xef\xbb\xbf[hold]\r\nframes = 4\r\n")
    assert load_config(path).hold.frames == 4


def test_a_missing_file_a_folder_and_a_huge_file_are_refused(tmp_path):
    with pytest.raises(BadUse, match=r"absent\.toml: no such file"):
        load_config(tmp_path / "absent.toml")
    with pytest.raises(BadUse, match="can't be read"):
        load_config(tmp_path)
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * 1_000_001)
    with pytest.raises(BadUse, match="larger than 1 MB"):
        load_config(huge)


def test_relative_paths_of_a_file_begin_at_its_folder_and_those_of_options_do_not(tmp_path):
    path = write(tmp_path, '[rig]\nstate_dir = "state"\n[broker]\npassword_file = "secret"\n')
    config = load_config(path, {"rig.state_dir": "elsewhere"})
    assert config.broker.password_file == tmp_path / "secret"
    assert config.rig.state_dir == Path("elsewhere")
    assert load_config(path).rig.state_dir == tmp_path / "state"


def test_a_path_in_the_home_folder_is_resolved(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_config().rig.state_dir == tmp_path / ".local/state/cosmic-edge"
    path = write(tmp_path, '[rig]\nstate_dir = "~/rig"\n')
    assert load_config(path).rig.state_dir == tmp_path / "rig"


def test_a_configuration_can_not_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load_config().hold.frames = 4
