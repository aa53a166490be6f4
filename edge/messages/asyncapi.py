"""The AsyncAPI 3 document: every topic, who writes it, QoS, retain, and its message."""

from __future__ import annotations

from typing import Any

from edge.messages.topics import PREFIX, TOPICS, Topic


def asyncapi() -> dict[str, Any]:
    """Describe the rig's side: it sends what it writes and receives what the server writes."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Cosmic Edge",
            "version": "1",
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "broker.example.org:8883",
                "protocol": "secure-mqtt",
                "protocolVersion": "5",
                "description": "MQTT 5; 3.1.1 only where the broker refuses 5 by its reason.",
            }
        },
        "channels": {_channel_id(topic): _channel(topic) for topic in TOPICS.values()},
        "operations": {_operation_id(topic): _operation(topic) for topic in TOPICS.values()},
        "components": {
            "messages": {_channel_id(topic): _message(topic) for topic in TOPICS.values()}
        },
    }


_DESCRIPTION = (
    "A rig finds cosmic-ray hits and delivers them through an outbox. hit, exposure, calibration, "
    "lost and clock share one seq from 1 per epoch; the key is (rig, epoch, seq). A PUBACK is not "
    "safety: the rig lets go of a message once the server's retained ack names a watermark at or "
    "above its seq, and sends it again until then."
)


def _channel_id(topic: Topic) -> str:
    head, *tail = topic.name.split("/")
    return head + "".join(part.capitalize() for part in tail)


def _operation_id(topic: Topic) -> str:
    name = _channel_id(topic)
    return ("send" if topic.writer == "rig" else "receive") + name[0].upper() + name[1:]


def _channel(topic: Topic) -> dict[str, Any]:
    name = _channel_id(topic)
    return {
        "address": f"{PREFIX}/{{rig}}/{topic.name}",
        "description": topic.summary,
        "parameters": {"rig": {"description": "One camera and its computer: [a-z0-9-]{1,64}."}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }


def _operation(topic: Topic) -> dict[str, Any]:
    name = _channel_id(topic)
    return {
        "action": "send" if topic.writer == "rig" else "receive",
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": topic.summary,
        "bindings": {"mqtt": {"qos": topic.qos, "retain": topic.retain, "bindingVersion": "0.2.0"}},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }


def _message(topic: Topic) -> dict[str, Any]:
    message: dict[str, Any] = {"name": topic.name, "summary": topic.summary}
    if topic.schema:
        message["contentType"] = "application/json"
        message["payload"] = {"$ref": f"./schemas/{topic.schema}.json"}
    return message
