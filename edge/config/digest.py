"""Two configurations that find the same hits have the same hash."""

from __future__ import annotations

import hashlib
import json

from edge.config.model import Config

DETECTION = ("cover", "trigger", "veto", "hold", "crop", "display")
"""Sections that decide, in full, which hits are found and what is in them: [display] as well, for
the expected particles are allowed for before a frame counts as a flood."""

DETECTION_CALIBRATION = ("frames", "false_triggers_per_hour")
"""Of [calibration]: what a new calibration is made from. Whether an old one is reused shows in
its own id, which every hit carries."""


def config_hash(config: Config) -> str:
    """Hash of what affects detection, 16 hex digits; for a hit's provenance.

    Covers [cover], [trigger], [veto], [hold], [crop], [display] and, of [calibration], `frames`
    and `false_triggers_per_hour`. The rig's name and folders, source, broker, outbox, position,
    clock and the length of an exposure record change no hit, so rigs of a fleet that differ in
    nothing else have the same hash. Nor does [classify] count: a hit's `model_id` tells more of
    what classified it than the name of a file.
    """
    content = config.model_dump(mode="json", include=set(DETECTION))
    content["calibration"] = config.calibration.model_dump(
        mode="json", include=set(DETECTION_CALIBRATION)
    )
    return _hash(content)


def message_hash(config: Config) -> str:
    """Hash of what affects the bytes or the numbering of messages, 16 hex digits.

    What `config_hash` covers, with [exposure] (its records share the numbering), [zero_bias] (it
    stands in them) and [position] (it stands in every hit): two replays may share an epoch only
    where this is the same. [injection] is left out on purpose: it is a measurement beside the
    replay, the hits are the same to the byte with and without it, and so is their epoch.
    """
    return _hash(
        {
            "detection": config_hash(config),
            **config.model_dump(mode="json", include={"exposure", "position", "zero_bias"}),
        }
    )


def _hash(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
