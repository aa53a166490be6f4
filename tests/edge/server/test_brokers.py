"""The broker that comes along."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.errors import Failed
from edge.server import brokers
from edge.server.brokers import EmbeddedBroker
from tests.edge.server.rigs import Rig, eventually

KINDS = [
    pytest.param(
        "mosquitto",
        marks=[
            pytest.mark.mosquitto,
            pytest.mark.skipif(not brokers.find_mosquitto(), reason="needs Debian's mosquitto"),
        ],
    ),
    "amqtt",
]

ENTER = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: None)  # as a command that drains first
from edge.server.brokers import EmbeddedBroker
with EmbeddedBroker(prefer=sys.argv[1]) as broker:
    print(broker.pid, broker.url, flush=True)
    sys.stdin.read()
"""


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("kind", KINDS)
def test_it_serves_clients_and_ends_with_its_block(kind):
    with EmbeddedBroker(prefer=kind) as broker:
        assert broker.kind == kind
        assert broker.url.endswith("?protocol=3.1.1") == (kind == "amqtt")
        pid = broker.pid
        with Rig(broker.url):
            pass
    assert gone(pid)
    with EmbeddedBroker(prefer=kind) as broker:
        assert broker.pid != pid


@pytest.mark.parametrize("kind", KINDS)
def test_it_dies_with_a_parent_that_is_killed_and_outlives_a_ctrl_c(kind):
    parent = subprocess.Popen(
        [sys.executable, "-c", ENTER, kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    try:
        pid = int(parent.stdout.readline().split()[0])
        assert os.getsid(pid) != os.getsid(parent.pid)
        # What a terminal does: the signal goes to the whole group of the parent.
        os.killpg(parent.pid, signal.SIGINT)
        time.sleep(0.1)
        assert not gone(pid)
        assert parent.poll() is None
        parent.kill()
        parent.wait()
        assert eventually(lambda: gone(pid), 5)
    finally:
        parent.kill()
        parent.wait()
        parent.stdin.close()
        parent.stdout.close()


def test_amqtt_steps_in_where_mosquitto_is_missing(monkeypatch):
    monkeypatch.setattr(brokers, "find_mosquitto", lambda: None)
    with EmbeddedBroker() as broker:
        assert broker.kind == "amqtt"


def test_without_either_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(brokers, "find_mosquitto", lambda: None)
    monkeypatch.setattr(brokers, "find_spec", lambda name: None)
    with pytest.raises(Failed, match=r"apt install mosquitto.*cosmic-edge\[demo\]"):
        EmbeddedBroker().__enter__()


@pytest.mark.parametrize("kind", KINDS)
def test_a_port_that_is_taken_is_one_line(kind):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        began = time.monotonic()
        with pytest.raises(Failed, match=r"(?i)address already in use") as caught:
            EmbeddedBroker(prefer=kind, port=taken.getsockname()[1]).__enter__()
        assert time.monotonic() - began < 5
    assert "\n" not in str(caught.value)


def test_amqtt_says_nothing_into_the_terminal():
    run = subprocess.run(
        [sys.executable, "-c", ENTER, "amqtt"], input=b"", capture_output=True, check=True
    )
    assert run.stderr == b""
    assert len(run.stdout.splitlines()) == 1
