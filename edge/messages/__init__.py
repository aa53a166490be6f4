"""The messages of a rig: models at the border, one JSON on disk and on MQTT."""

from edge.messages.codec import (
    MAX_MESSAGE_BYTES,
    MESSAGE_TYPES,
    Message,
    MessageError,
    content_digest,
    digest,
    digest_under,
    encode,
    parse_message,
    parse_service,
)
from edge.messages.envelope import SCHEMAS, Envelope, envelope, message_id
from edge.messages.exposure import ExposureMessage
from edge.messages.hit import HitMessage
from edge.messages.records import CalibrationMessage, ClockMessage, LostMessage
from edge.messages.service import Ack, Health, Status
from edge.messages.topics import TOPICS, Topic, split_topic, topic
from edge.messages.utc import format_utc_ns, parse_utc_ns

__all__ = [
    "MAX_MESSAGE_BYTES",
    "MESSAGE_TYPES",
    "SCHEMAS",
    "TOPICS",
    "Ack",
    "CalibrationMessage",
    "ClockMessage",
    "Envelope",
    "ExposureMessage",
    "Health",
    "HitMessage",
    "LostMessage",
    "Message",
    "MessageError",
    "Status",
    "Topic",
    "content_digest",
    "digest",
    "digest_under",
    "encode",
    "envelope",
    "format_utc_ns",
    "message_id",
    "parse_message",
    "parse_service",
    "parse_utc_ns",
    "split_topic",
    "topic",
]
