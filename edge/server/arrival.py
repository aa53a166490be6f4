"""Looks at what came in before it goes to the database: a message, or something to put aside."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.messages import (
    MAX_MESSAGE_BYTES,
    LostMessage,
    Message,
    MessageError,
    content_digest,
    digest_under,
    parse_message,
    split_topic,
)
from edge.messages import digest as message_digest
from edge.messages.fields import MAX_COUNT

MAX_LOST_SEQS = 10_000_000
"""More messages than that no rig makes in an epoch: a lost range beyond it is a fault."""

MOST_FORMER_KEYS = 16
"""A message was given so many keys before, at most: a rig begins a new epoch once in a lifetime."""
REASONS = (
    *("oversized", "invalid", "rig_differs", "kind_differs", "key_differs"),
    *("conflict", "unstorable", "revoked"),
)
"""Why something goes to the quarantine."""

_RIG = re.compile(r"[a-z0-9-]{1,64}")
_EPOCH = re.compile(r"[0-9a-f]{8,64}")
_FORMER = re.compile(r"[0-9a-f]{8,64}:[0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class Key:
    """Name of a message: rig, epoch and sequence number."""

    rig: str
    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Former:
    """A key that a message had before its rig began a new epoch, and its digest under that key."""

    key: Key
    digest: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something goes to the quarantine.

    Attributes
    ----------
    reason : str
        One of `REASONS`.
    detail : str
        The line for a person.
    """

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came in, looked at.

    Attributes
    ----------
    topic : str
        Where it was published.
    payload : bytes
        As it came.
    digest : str
        Same content, same digest.
    key : Key or None
        Whose message it is; None where nobody can tell. The rig is the topic's, which the
        broker's access rules vouch for, never the payload's.
    floor : int or None
        Lowest sequence number the rig still owed.
    message : Message or None
        The message, where it is one.
    refusal : Refusal or None
        Why it is none.
    former : tuple of Former
        Keys it may have come under already.
    was : str
        The same keys as they travelled, also of what nobody can read: a later version may.
    """

    topic: str
    payload: bytes
    digest: str
    key: Key | None
    floor: int | None
    message: Message | None = None
    refusal: Refusal | None = None
    former: tuple[Former, ...] = ()
    was: str = ""


def examine(topic: str, payload: bytes, properties: Mapping[str, str]) -> Arrival:
    """Tell a message from garbage; never raises.

    Parameters
    ----------
    topic : str
        Topic it came on.
    payload : bytes
        What came.
    properties : Mapping
        MQTT 5 user properties: `epoch`, `seq` and `floor` name even a payload nobody can read;
        `was` holds the keys a message had before, as ``epoch:seq`` with spaces between.
    """
    rig, kind = _addressed(topic)
    was = _keys_told(properties.get("was", ""))
    try:
        message = parse_message(payload)
        digest = content_digest(payload)
        refusal = _objection(message, rig, kind, properties)
    except MessageError as error:
        oversized = len(payload) > MAX_MESSAGE_BYTES
        refusal = Refusal("oversized" if oversized else "invalid", str(error))
    except Exception as error:  # a fault of the reader must not stop the rest of the batch
        refusal = Refusal("invalid", f"unreadable: {type(error).__name__}: {error}"[:300])
    if refusal is None:
        key = Key(message.rig, message.epoch, message.seq)
        former = _former(message, payload, was)
        return Arrival(topic, payload, digest, key, message.floor, message, None, former, was)
    claimed, floor = _claimed(rig, payload, properties)
    return Arrival(topic, payload, _digest(payload), claimed, floor, None, refusal, (), was)


def _keys_told(text: str) -> str:
    """Earlier keys, as many as a message can have, without what is none."""
    told = text.split(maxsplit=MOST_FORMER_KEYS)[:MOST_FORMER_KEYS]
    return " ".join(one for one in told if _FORMER.fullmatch(one))


def _former(message: Message, payload: bytes, told: str) -> tuple[Former, ...]:
    # A loss names its epoch anew with each new key, and does no harm if it is told twice.
    if not told or isinstance(message, LostMessage):
        return ()
    former = []
    for text in told.split():
        epoch, _, number = text.partition(":")
        key = _key(message.rig, epoch, _sequence(number))
        if key is not None and epoch != message.epoch:
            former.append(Former(key, digest_under(payload, key.epoch, key.seq)))
    return tuple(former)


def _digest(payload: bytes) -> str:
    """Digest of something refused: the message's own, in case a newer version can read it."""
    if len(payload) <= MAX_MESSAGE_BYTES:
        try:
            return message_digest(payload)
        except (ValueError, RecursionError):
            pass
    return hashlib.sha256(payload).hexdigest()


def _addressed(topic: str) -> tuple[str, str]:
    parts = split_topic(topic)
    if parts is None or not _RIG.fullmatch(parts[0]):
        return "", ""
    return parts


def _objection(
    message: Message, rig: str, kind: str, properties: Mapping[str, str]
) -> Refusal | None:
    """What is wrong with a message that is well formed."""
    if message.rig != rig:
        return Refusal("rig_differs", f"message of {message.rig!r} on the topic of {rig!r}")
    if message.kind != kind:
        return Refusal("kind_differs", f"{message.kind} on the topic {kind}")
    for name, value in (("epoch", message.epoch), ("seq", str(message.seq))):
        if properties.get(name, value) != value:
            return Refusal("key_differs", f"{name} {value} travelled as {properties[name]!r:.80}")
    if isinstance(message, LostMessage):
        total = sum(part.last_seq - part.first_seq + 1 for part in message.ranges)
        if total > MAX_LOST_SEQS:
            return Refusal("invalid", f"{total} messages declared lost, over {MAX_LOST_SEQS}")
    return None


def _claimed(
    rig: str, payload: bytes, properties: Mapping[str, str]
) -> tuple[Key | None, int | None]:
    """Key and floor of something refused.

    A floor lets the rig forget, for ever: it is believed only where it travelled apart from the
    payload that is at fault.
    """
    if not rig:
        return None, None
    seq = _sequence(properties.get("seq"))
    key = _key(rig, properties.get("epoch"), seq)
    if key is not None:
        floor = _sequence(properties.get("floor"))
        return key, floor if floor is not None and floor <= key.seq else None
    if len(payload) > MAX_MESSAGE_BYTES:
        return None, None
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(body, dict) or body.get("rig") != rig:
        return None, None
    return _key(rig, body.get("epoch"), body.get("seq")), None


def _sequence(text: str | None) -> int | None:
    if text is None or not re.fullmatch(r"[0-9]{1,16}", text):
        return None
    return int(text)


def _key(rig: str, epoch: Any, seq: Any) -> Key | None:
    if not isinstance(epoch, str) or not _EPOCH.fullmatch(epoch):
        return None
    if type(seq) is not int or not 1 <= seq <= MAX_COUNT:
        return None
    return Key(rig, epoch, seq)
