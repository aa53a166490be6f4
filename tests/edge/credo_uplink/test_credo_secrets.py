"""Tokens and passwords: where they come from, and that nothing ever shows them."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.credo_uplink.secret import Secret, read_token
from edge.errors import BadUse
from tests.edge.credo_uplink.conftest import arguments, exposure, hit
from tests.edge.credo_uplink.credo_server import (
    PASSWORD,
    TOKEN,
    USER,
    CredoServer,
    cut_before,
    says,
)

Rig = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text(PASSWORD + "\n")
    return path


def test_no_fault_shows_a_secret(
    credo: CredoServer,
    token_file: Path,
    password_file: Path,
    rig: Rig,
    capsys: Capture,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server gives the token back in every answer, the command says all it can."""
    monkeypatch.setenv("COSMIC_EDGE_DEBUG", "1")
    caplog.set_level(logging.DEBUG)
    folder = rig([hit(seq) for seq in range(1, 5)], [exposure(9)])
    told = {"message": f"no good: Token {TOKEN} and {PASSWORD}"}
    faults = [
        says(400, told), says(401, told), says(404, told), says(429, told), says(500, told),
        says(302, told, Location=f"https://x.example/{TOKEN}"), says(200, told), cut_before,
    ]  # fmt: skip
    login = ["--user", "nobody", "--password-file", str(password_file)]
    outputs = []
    for fault in faults:
        credo.script.extend([fault] * 3)
        main(arguments(credo, token_file, "--state-dir", str(folder), "--attempts", "2", *login))
        credo.script.clear()
        outputs.append("".join(capsys.readouterr()))
    credo.token = "unknown-now"
    main(arguments(credo, token_file, "--state-dir", str(folder), *login))
    main(["credo", "login", "--url", credo.url, "--ca-file", str(credo.ca_file), *login,
          "--token-file", str(folder / "t")])  # fmt: skip
    outputs.append("".join(capsys.readouterr()))
    everything = "\n".join([*outputs, caplog.text])
    assert "no good" in everything
    assert "Login failed" in everything
    assert TOKEN not in everything
    assert PASSWORD not in everything
    for path in folder.rglob("*"):
        assert TOKEN.encode() not in path.read_bytes()
        assert PASSWORD.encode() not in path.read_bytes()


def test_a_secret_has_no_face() -> None:
    secret = Secret("word")
    assert "word" not in f"{secret!r} {secret!s} {secret} {[secret]}"
    assert "word" not in str(vars(type(secret)))
    assert secret.reveal() == "word"


def test_a_file_that_others_can_read_is_refused(
    credo: CredoServer, token_file: Path, rig: Rig, capsys: Capture
) -> None:
    token_file.chmod(0o640)
    assert main(arguments(credo, token_file, "--state-dir", str(rig([hit(1)])))) == 2
    said = capsys.readouterr()
    assert "chmod 600" in said.err
    assert TOKEN not in said.err
    assert credo.rows.requests == []


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two words", b"tok\x00en", "tök".encode(), b"\xff", b"a" * 300]
)
def test_what_is_no_token_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(BadUse) as caught:
        read_token(path, {})
    assert "token file" in str(caught.value)
    for word in ("two", "tök", "aaa"):
        assert word not in str(caught.value)


def test_the_environment_comes_before_a_file(
    credo: CredoServer, rig: Rig, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_file.write_text("an-old-one")
    monkeypatch.setenv("COSMIC_EDGE_CREDO_TOKEN", TOKEN)
    assert main(arguments(credo, token_file, "--state-dir", str(rig([hit(1)])))) == 0
    assert len(credo.rows.ids) == 1


def test_without_a_token_nothing_is_sent(
    credo: CredoServer, rig: Rig, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COSMIC_EDGE_CREDO_TOKEN", raising=False)
    url = ["--url", credo.url, "--ca-file", str(credo.ca_file)]
    assert main(["credo", "send", *url, "--state-dir", str(rig([hit(1)]))]) == 2
    assert "--token-file" in capsys.readouterr().err
    assert credo.rows.requests == []


def test_no_option_takes_a_secret(capsys: Capture) -> None:
    for command in ("send", "login", "register"):
        assert main(["credo", command, "--help"]) == 0
        options = {word for word in capsys.readouterr().out.split() if word.startswith("--")}
        assert not options & {"--token", "--password"}


def test_a_login_writes_a_token_that_send_takes(
    credo: CredoServer, password_file: Path, rig: Rig, tmp_path: Path, capsys: Capture
) -> None:
    token_file = tmp_path / "new" / "token"
    url = ["--url", credo.url, "--ca-file", str(credo.ca_file)]
    login = ["--user", USER, "--password-file", str(password_file)]
    assert main(["credo", "login", *url, *login, "--token-file", str(token_file)]) == 0
    assert token_file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(token_file.parent) == ["token"]
    assert TOKEN not in "".join(capsys.readouterr())
    assert main(arguments(credo, token_file, "--state-dir", str(rig([hit(1)])))) == 0
    assert json.loads(capsys.readouterr().out)["sent"] == 1


def test_a_registration_has_the_fields_the_api_wants(
    credo: CredoServer, password_file: Path, capsys: Capture
) -> None:
    url = ["--url", credo.url, "--ca-file", str(credo.ca_file)]
    who = ["--user", USER, "--email", "m@example.org", "--password-file", str(password_file)]
    assert main(["credo", "register", *url, *who]) == 0
    (user,) = credo.rows.users
    assert (user["display_name"], user["team"], user["language"]) == (USER, "", "en")
    assert credo.rows.unknown == set()
    assert PASSWORD not in "".join(capsys.readouterr())
    assert main(["credo", "register", *url, *who, "--display-name", "ab"]) == 2


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://api.credo.science/api/v2", "http://"),
        ("https://name:secret@host/api", "no password"),
        ("https://host/api?token=x", "no address"),
        ("ftp://host", "no address"),
        ("https://", "no address"),
        ("https://host:99999/", "Port"),
    ],
)
def test_a_wrong_url_is_one_line(
    rig: Rig, token_file: Path, capsys: Capture, url: str, word: str
) -> None:
    more = ["--state-dir", str(rig([])), "--token-file", str(token_file)]
    assert main(["credo", "send", "--url", url, *more]) == 2
    said = capsys.readouterr().err
    assert word in said
    assert "secret" not in said
    assert said.count("\n") == 1
