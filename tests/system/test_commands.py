"""A live rig is asked over a real broker: it answers, and ends in order to be started again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.cli.main import main
from tests.brokers import mosquitto

pytestmark = pytest.mark.mosquitto
_TOPIC = "cosmic-edge/v1/asked-1"
_WITHIN_S = 40.0


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["ask", *arguments]) == code
    said = capsys.readouterr()
    return said.out + said.err


class Asking:
    """Asks a rig, again and again until it answers: the same id is done once."""

    def __init__(self, url: str) -> None:
        self.replies: dict[str, list[dict[str, Any]]] = {}
        self._came = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = self._on_message
        self._client.on_connect = lambda *_: self._client.subscribe(f"{_TOPIC}/reply", 1)
        host, port = url.removeprefix("mqtt://").split(":")
        self._client.connect(host, int(port))
        self._client.loop_start()

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        reply = json.loads(message.payload)
        with self._came:
            self.replies.setdefault(reply["id"], []).append(reply)
            self._came.notify_all()

    def say(self, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(f"{_TOPIC}/command", payload, qos=1, retain=retain)

    def ask(self, name: str, **more: Any) -> dict[str, Any]:
        command = {"schema": "cosmic-edge/command/1", "id": f"test-{name}", "name": name, **more}
        deadline = time.monotonic() + _WITHIN_S
        while time.monotonic() < deadline:
            self.say(json.dumps(command).encode())
            with self._came:
                if self._came.wait_for(lambda: f"test-{name}" in self.replies, 2.0):
                    return self.replies[f"test-{name}"][0]
        raise AssertionError(f"no answer to {name}")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_a_rig_answers_what_it_may_do_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mosquitto() as broker:
        command = [
            sys.executable, "-m", "edge.cli.main", "run", "--json", "--rig", "asked-1",
            "--source", "sim:?width=160&height=120&hits_per_min=300&seed=3", "--broker", broker.url,
            "--state-dir", str(tmp_path / "state"), "--duration", "120",
        ]  # fmt: skip
        environ = os.environ | {"COSMIC_EDGE_SUPERVISED": "1"}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
        ) as process:
            asking = Asking(broker.url)
            try:
                report = asking.ask("report")
                asking.say(b"\x00garbage")
                asking.say(b"x" * 100_000)
                asking.say(json.dumps({"name": "rm -rf /"}).encode())
                picture = asking.ask("snapshot")
                changed = asking.ask("threshold", seed_sigma=12.5)
                to = ("--broker", broker.url)
                shown = told(capsys, "asked-1", "report", *to)
                small = tmp_path / "small.png"
                answer = told(capsys, "asked-1", "snapshot", *to, "--out", str(small), "--json")
                told(capsys, "asked-1", "threshold", *to, "--seed-sigma", "3", code=2)
                told(capsys, "asked-1", "format", *to, code=2)
                told(capsys, "nobody-1", "report", *to, "--timeout", "1", code=1)
                after = asking.ask("restart")
                out, err = process.communicate(timeout=_WITHIN_S)
            finally:
                asking.close()
                process.kill()
    assert report["state"] == "done"
    assert report["data"]["counters"]["frames_received"] > 0
    assert (picture["state"], picture["data"]["width_px"]) == ("done", 160)
    assert changed["state"] == "done"
    assert "12.5" in changed["detail"]
    assert "frames_received" in shown
    assert json.loads(answer)["state"] == "done"
    assert small.read_bytes().startswith(b"\x89PNG")
    assert after["state"] == "done"
    summary = json.loads(out)
    assert (process.returncode, summary["rig"]) == (0, "asked-1")
    assert summary["received"] == summary["processed"] + summary["calibrating"] + sum(
        summary[name] for name in ("uncovered", "dropped", "bad")
    )
    assert err.count(b"a command is ignored") + err.count(b"bytes is ignored") == 3
    assert b"rm -rf" not in out


def test_asking_without_a_broker_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, "asked-1", "report", "--broker", "mqtt://127.0.0.1:1", code=1)
    assert said.count("\n") == 1
    assert "no broker at" in said


@pytest.mark.parametrize("name", ["+", "#", "a/b", "Roof", "-" * 65, " "])
def test_a_name_that_is_none_reaches_no_broker(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, name, "report", "--broker", "mqtt://127.0.0.1:1", code=2).count("\n") == 1
