from __future__ import annotations

from pathlib import Path

import pytest

from edge.delivery import BrokerAddress
from edge.errors import BadUse, Failed


def parse(url: str, **more: object) -> BrokerAddress:
    return BrokerAddress.parse(url, environ={}, **more)  # type: ignore[arg-type]


def test_a_url_names_host_port_tls_and_version() -> None:
    plain = parse("mqtt://broker.example.org")
    assert (plain.host, plain.port, plain.tls, plain.protocol) == (
        "broker.example.org", 1883, False, None,
    )  # fmt: skip
    secure = parse("mqtts://[::1]:9000/?protocol=3.1.1&ca_file=/etc/ca.pem")
    assert (secure.host, secure.port, secure.tls, secure.protocol) == ("::1", 9000, True, "3.1.1")
    assert secure.ca_file == Path("/etc/ca.pem")
    assert str(secure) == "mqtts://[::1]:9000"
    assert parse("mqtts://host").port == 8883


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "no broker URL"),
        ("localhost:1883", "no broker URL"),
        ("http://localhost", "no broker URL"),
        ("mqtt://", "no broker URL"),
        ("mqtt://host/topic", "no broker URL"),
        ("mqtt://host#x", "no broker URL"),
        ("mqtt://a b", "no broker URL"),
        ("mqtt://host:port", "Port"),
        ("mqtt://host:0", "port 0"),
        ("mqtt://host:70000", "Port"),
        ("mqtt://[::1", "IPv6"),
        ("mqtt://host?protocol=4", "there are 5 and 3.1.1"),
        ("mqtt://host?protocoll=5", "did you mean protocol"),
        ("mqtt://host?x=1", "no option 'x'; there are protocol"),
        ("mqtt://host?ca_file=/x", "certificates need mqtts"),
        ("mqtts://host?cert_file=/x", "go together"),
    ],
)
def test_nonsense_is_bad_use_in_one_line(url: str, why: str) -> None:
    with pytest.raises(BadUse, match=why) as caught:
        parse(url)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["mqtt://rig:s3cret@host", "mqtt://rig:s3/c@ret@host:99999", "mqtt://:s3cret@host"]
)
def test_a_password_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(BadUse) as caught:
        parse(url)
    assert "ret" not in str(caught.value)


def test_the_environment_comes_before_the_url_and_that_before_the_configuration() -> None:
    assert parse("mqtt://a@host").username == "a"
    assert parse("mqtt://host", username="c").username == "c"
    assert parse("mqtt://a@host", username="c").username == "a"
    environ = {"COSMIC_EDGE_MQTT_USERNAME": "e", "COSMIC_EDGE_MQTT_PASSWORD": "p@ss"}
    address = BrokerAddress.parse("mqtt://a@host", username="c", environ=environ)
    assert (address.username, address.password) == ("e", "p@ss")
    assert "p@ss" not in repr(address)


def test_a_password_file_gives_its_first_line_and_must_be_private(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("öpen sesame\nsecond\n", encoding="utf-8")
    secret.chmod(0o600)
    for address in (
        parse("mqtt://a@host", password_file=secret),
        parse(f"mqtt://a@host?password_file={secret}"),
    ):
        assert address.password == "öpen sesame"
    secret.chmod(0o644)
    with pytest.raises(BadUse, match="can be read by others; chmod 600"):
        parse("mqtt://a@host", password_file=secret)
    secret.chmod(0o600)
    with pytest.raises(BadUse, match="needs a username"):
        parse("mqtt://host", password_file=secret)
    secret.write_text("")
    with pytest.raises(BadUse, match="is empty"):
        parse("mqtt://a@host", password_file=secret)
    with pytest.raises(BadUse, match="can't be read: No such file"):
        parse("mqtt://a@host", password_file=tmp_path / "none")


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"\xef\xbb\xbfsesame\r\n", "sesame"),
        (b" two words \n", " two words "),
        ("a\u2028b\x0bc\x85d".encode(), "a\u2028b\x0bc\x85d"),
    ],
)
def test_a_password_file_is_read_as_editors_write_it(
    tmp_path: Path, content: bytes, password: str
) -> None:
    secret = tmp_path / "password"
    secret.write_bytes(content)
    secret.chmod(0o600)
    assert parse("mqtt://a@host", password_file=secret).password == password


def test_a_variable_that_is_set_to_nothing_is_not_set(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("sesame\n")
    secret.chmod(0o600)
    environ = {"COSMIC_EDGE_MQTT_USERNAME": "", "COSMIC_EDGE_MQTT_PASSWORD": ""}
    address = BrokerAddress.parse("mqtt://a@host", password_file=secret, environ=environ)
    assert (address.username, address.password) == ("a", "sesame")
    assert BrokerAddress.parse("mqtt://host", environ=environ).password is None


def test_unreadable_certificates_are_one_line(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    for make in (lambda: None, lambda: ca.write_text("not a certificate")):
        make()
        with pytest.raises(Failed, match="can't read the certificates"):
            parse("mqtts://host", ca_file=ca).tls_context()
    assert parse("mqtt://host", ca_file=ca).tls_context() is None
