"""The broker: does it answer, with which MQTT, does it let this rig in."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.config.model import BrokerConfig
from edge.delivery.address import BrokerAddress
from edge.delivery.link import UNSUPPORTED_PROTOCOL_VERSION
from edge.delivery.standing import Standing
from edge.doctor.check import Finding
from edge.doctor.running import rig_runs

_LOGIN_CODES = frozenset({133, 134, 135, 138, 140})
_RETAINED_WAIT_S = 0.3


@dataclass(slots=True)
class Answer:
    """What came of a connection.

    Attributes
    ----------
    connected : int or None
        Reason code of the broker's answer; None: it gave none.
    reason : str
        That reason, in words.
    subscribed : int or None
        Reason code for reading the rig's acknowledgements.
    acknowledged : dict or None
        What the server last said to this rig.
    took_s : float
        From the request to the broker's answer.
    ended : bool
        The connection is over.
    """

    connected: int | None = None
    reason: str = ""
    subscribed: int | None = None
    acknowledged: dict[str, Any] | None = None
    took_s: float = 0.0
    ended: bool = False


def broker(config: BrokerConfig, rig: str, timeout_s: float = 5.0) -> Finding:
    """Connect as the rig would, read what the server last acknowledged, and leave.

    Nothing is published. Where the broker lets each client name its session, it is another one
    than the rig's, which goes on undisturbed; for others there is `of_rig`.

    Parameters
    ----------
    config : BrokerConfig
        Where to and with which name.
    rig : str
        Whose topics.
    timeout_s : float
        Longest wait for an answer.
    """
    protocol = "5"
    try:
        answer = _ask(config, rig, version5=True, timeout_s=timeout_s)
        if answer.connected == UNSUPPORTED_PROTOCOL_VERSION:
            protocol = "3.1.1"
            answer = _ask(config, rig, version5=False, timeout_s=timeout_s)
    except OSError as error:
        return Finding(
            "fail",
            f"{config.url}: {error.strerror or error}",
            "is the broker running, are host, port and certificates right? "
            "Hits wait in the outbox meanwhile",
        )
    if answer.connected is None:
        return Finding(
            "fail",
            f"{config.url}: takes the connection but gives no answer within {timeout_s:g} s",
            "is it an MQTT broker? mqtts:// and mqtt:// listen on ports of their own",
        )
    if answer.connected:
        return _refused(config, answer)
    detail = f"{config.url}: answers with MQTT {protocol} in {1000 * answer.took_s:.0f} ms"
    if answer.subscribed is None or answer.subscribed >= 128:
        return Finding(
            "fail",
            f"{detail}, but does not let {rig!r} read its acknowledgements",
            f"give this user the topics cosmic-edge/v1/{rig}/# in the broker's access list",
        )
    return Finding("ok", f"{detail}; {_server(config, answer)}")


def of_rig(config: BrokerConfig, rig: str, state_dir: Path) -> Finding:
    """Ask the rig that runs on this folder, or else the broker.

    A broker may give each login one session (`use_username_as_clientid`): to connect beside a
    running rig would end the rig's connection there.

    Parameters
    ----------
    config : BrokerConfig
        Where to and with which name.
    rig : str
        Whose topics.
    state_dir : Path
        The rig's folder.
    """
    standing = Standing.read(state_dir) if rig_runs(state_dir) else None
    if standing is None or standing.broker != str(_address(config)):
        return broker(config, rig)
    since = f"since {standing.since_utc[:19]}Z"
    if standing.state == "connected" and not standing.error:
        detail = f"{config.url}: the rig that runs here is connected with MQTT {standing.protocol}"
        return Finding("ok", f"{detail}, {since}")
    if standing.state in ("connecting", "stopped") and not standing.error:
        doing = "connecting" if standing.state == "connecting" else "starting, or ending"
        return Finding("warn", f"{config.url}: the rig that runs here is {doing}, {since}")
    said = standing.error or standing.state
    return Finding(
        "fail",
        f"{config.url}: the rig that runs here says, {since}: {said}",
        "look at [broker] in the configuration and at the broker's users and access list; "
        "hits wait in the outbox meanwhile",
    )


def _refused(config: BrokerConfig, answer: Answer) -> Finding:
    advice = "look at the broker's log"
    if answer.connected in _LOGIN_CODES:
        advice = "look at [broker] username and password_file, and at the broker's users"
    return Finding("fail", f"{config.url}: refuses ({answer.reason})", advice)


def _server(config: BrokerConfig, answer: Answer) -> str:
    if config.ack == "broker":
        return "its word is taken, no server is waited for"
    if answer.acknowledged is None:
        return "no server has answered this rig yet"
    return f"the server has acknowledged up to {answer.acknowledged.get('upto', 0)}"


def _ask(config: BrokerConfig, rig: str, *, version5: bool, timeout_s: float) -> Answer:
    answer = Answer()
    address = _address(config)
    client = _client(address, version5=version5)
    client.connect_timeout = timeout_s
    client.on_connect = lambda _c, _d, _f, reason, _p: _on_connect(answer, reason)
    client.on_subscribe = lambda _c, _d, _m, reasons, _p: _on_subscribe(answer, reasons)
    client.on_disconnect = lambda *_: setattr(answer, "ended", True)
    client.on_message = lambda _c, _d, message: _on_message(answer, message.payload)
    begun = time.monotonic()
    deadline = begun + timeout_s
    client.connect(address.host, address.port, keepalive=30)
    try:
        _loop(client, answer, deadline, lambda: answer.connected is not None)
        answer.took_s = time.monotonic() - begun
        if answer.connected == 0:
            client.subscribe(f"cosmic-edge/v1/{rig}/ack", qos=1)
            _loop(client, answer, deadline, lambda: answer.subscribed is not None)
            retained = time.monotonic() + _RETAINED_WAIT_S
            _loop(client, answer, retained, lambda: answer.acknowledged is not None)
    finally:
        client.disconnect()
        client.loop(0.01)
    return answer


def _address(config: BrokerConfig) -> BrokerAddress:
    """As the rig finds it: the environment and the URL's options count here too."""
    return BrokerAddress.parse(
        config.url,
        username=config.username,
        password_file=config.password_file,
        ca_file=config.ca_file,
    )


def _client(address: BrokerAddress, *, version5: bool) -> Any:
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    from edge.delivery.sturdy_client import SturdyClient

    client = SturdyClient(
        CallbackAPIVersion.VERSION2,
        client_id=f"cosmic-edge-doctor-{secrets.token_hex(4)}",
        protocol=mqtt.MQTTv5 if version5 else mqtt.MQTTv311,
        reconnect_on_failure=False,
    )
    client.suppress_exceptions = True
    if address.username is not None:
        client.username_pw_set(address.username, address.password)
    if (tls := address.tls_context()) is not None:
        client.tls_set_context(tls)
    return client


def _loop(client: Any, answer: Answer, deadline: float, enough: Callable[[], bool]) -> None:
    while not enough() and not answer.ended and time.monotonic() < deadline:
        if client.loop(0.02):
            return


def _on_connect(answer: Answer, reason: Any) -> None:
    answer.connected, answer.reason = int(reason.value), str(reason).lower()


def _on_subscribe(answer: Answer, reasons: Any) -> None:
    answer.subscribed = max((int(reason.value) for reason in reasons), default=0)


def _on_message(answer: Answer, payload: bytes) -> None:
    try:
        said = json.loads(payload)
    except ValueError:
        return
    answer.acknowledged = said if isinstance(said, dict) else None
