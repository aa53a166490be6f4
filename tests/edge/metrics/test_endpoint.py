"""The endpoint: where it listens, what it answers, and what can't stop it."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from edge import __version__
from edge.errors import BadUse, Failed
from edge.metrics.address import Listen
from edge.metrics.endpoint import Endpoint
from tests.edge.metrics.scrapes import scrape, value


class Answer(Collector):
    def __init__(self):
        self.fails = False

    def collect(self):
        if self.fails:
            raise RuntimeError("half told")
        return [GaugeMetricFamily("answer_ratio", "The answer.", value=42)]


@pytest.fixture
def answer():
    return Answer()


@pytest.fixture
def endpoint(answer):
    with Endpoint(Listen.parse("0"), answer) as endpoint:
        yield endpoint


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("9101", "127.0.0.1", 9101),
        ("0.0.0.0:9101", "0.0.0.0", 9101),
        ("[::1]:80", "::1", 80),
        ("rig-1.lan:65535", "rig-1.lan", 65535),
    ],
)
def test_an_address_without_a_host_is_this_computer_alone(text, host, port):
    assert Listen.parse(text) == Listen(host, port)


@pytest.mark.parametrize("text", ["", "65536", "host", ":9101", "a b:1", "::1:80", "-1", "٣"])
def test_what_is_no_address_is_bad_use(text):
    with pytest.raises(BadUse, match=r"give \[HOST:\]PORT"):
        Listen.parse(text)


def test_a_scrape_tells_the_families_the_version_and_the_process(endpoint):
    found = scrape(endpoint.listen.url)
    assert value(found, "answer_ratio") == 42
    assert value(found, "cosmic_edge_build_info", version=__version__) == 1
    assert value(found, "process_resident_memory_bytes") > 1e6


def test_it_listens_on_ipv6_as_well(answer):
    try:
        with Endpoint(Listen.parse("[::1]:0"), answer) as endpoint:
            assert value(scrape(endpoint.listen.url), "answer_ratio") == 42
    except Failed:
        pytest.skip("no IPv6 here")


def test_health_is_503_with_what_is_wrong(answer):
    wrong = [""]
    with Endpoint(Listen.parse("0"), answer, lambda: wrong[0]) as endpoint:
        url = endpoint.listen.url.replace("/metrics", "/healthz")
        assert urllib.request.urlopen(url).read() == b"well\n"
        wrong[0] = "no broker"
        with pytest.raises(urllib.error.HTTPError, match="503") as caught:
            urllib.request.urlopen(url)
        assert caught.value.read() == b"no broker\n"
        caught.value.close()


def test_a_fault_while_telling_is_an_error_and_the_next_scrape_works(endpoint, answer, caplog):
    answer.fails = True
    with pytest.raises(urllib.error.HTTPError, match="500") as caught:
        scrape(endpoint.listen.url)
    caught.value.close()
    assert "half told" in caplog.text
    answer.fails = False
    assert value(scrape(endpoint.listen.url), "answer_ratio") == 42


def test_another_path_is_not_found(endpoint):
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        urllib.request.urlopen(endpoint.listen.url.replace("metrics", "../etc/passwd"))
    caught.value.close()


@pytest.mark.parametrize("sent", [b"", b"\x00\xff\r\n\r\n", b"GET /metrics HTTP/1.1\r\nHost: x"])
def test_a_client_that_talks_nonsense_or_hangs_stops_nobody(endpoint, sent):
    with socket.create_connection((endpoint.listen.host, endpoint.listen.port)) as rude:
        rude.sendall(sent)
        assert value(scrape(endpoint.listen.url), "answer_ratio") == 42


def test_a_port_that_is_taken_is_one_line(endpoint, answer):
    with pytest.raises(Failed, match=r"metrics on 127\.0\.0\.1 port \d+: .*in use"):
        Endpoint(endpoint.listen, answer)


def test_after_the_end_nobody_answers(answer):
    with Endpoint(Listen.parse("0"), answer) as endpoint:
        pass
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((endpoint.listen.host, endpoint.listen.port))
