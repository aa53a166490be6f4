"""Broker URLs."""

from __future__ import annotations

import pytest

from edge.errors import BadUse
from edge.server.address import BrokerAddress, parse_broker_url


def test_a_short_url_has_the_usual_ports():
    assert parse_broker_url("mqtt://box") == BrokerAddress("box", 1883)
    assert parse_broker_url("mqtts://box") == BrokerAddress("box", 8883, tls=True)


def test_a_long_url_is_read_whole(tmp_path):
    address = parse_broker_url(
        "mqtts://me:p%40ss@[::1]:1?protocol=5&ca_file=a&cert_file=b&key_file=c"
    )
    assert address == BrokerAddress("::1", 1, True, "me", "p@ss", "5", "a", "b", "c")
    assert str(address) == "mqtts://[::1]:1"


def test_a_password_can_come_from_a_file(tmp_path):
    file = tmp_path / "password"
    file.write_text("se cret\nnot this\n")
    assert parse_broker_url(f"mqtt://me@box?password_file={file}").password == "se cret"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "no broker URL"),
        ("box:1883", "no broker URL"),
        ("http://box", "no broker URL"),
        ("mqtt://", "no broker URL"),
        ("mqtt://box/topic", "no broker URL"),
        ("mqtt://box:99999", "out of range"),
        ("mqtt://box:x", "[Pp]ort"),
        ("mqtt://[::1", "IPv6"),
        ("mqtt://box?qos=2", "no option 'qos'"),
        ("mqtt://box?protocol=4", "there are 5 and 3.1.1"),
        ("mqtt://box?ca_file=a", "need mqtts"),
        ("mqtts://box?cert_file=a", "go together"),
        ("mqtt://me@box?password_file=/no/such/file", "/no/such/file"),
    ],
)
def test_a_wrong_url_says_what_is_wrong(url, why):
    with pytest.raises(BadUse, match=why):
        parse_broker_url(url)


@pytest.mark.parametrize(
    "url", ["mqtt://me:hun:t@er2@box?x=1", "http://me:hunter2@box", "mqtt://:hunter2@box:x"]
)
def test_a_password_is_never_printed(url):
    with pytest.raises(BadUse) as caught:
        parse_broker_url(url)
    assert "hun" not in str(caught.value)
    assert "er2" not in str(caught.value)
    assert "hunter2" not in repr(parse_broker_url("mqtt://me:hunter2@box"))
