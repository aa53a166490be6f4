"""Hits in JSON of CREDO's API, labelled in a field or by the file's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.errors import BadUse
from edge.hits.decoding import decode_picture, detections_in, frame_content
from training.found import (
    NO_LABEL,
    Found,
    LeftOut,
    label_of,
    label_of_file,
    labelled_found,
)

_FIELDS = ("class", "label", "classification")


def read_detections(path: Path, left_out: LeftOut) -> Iterator[Found]:
    """Read ``{"detections": [{"id": …, "frame_content": base64, …}, …]}``, or that list alone.

    A detection's class stands in its field `class`, `label` or `classification`; where it has none
    of these, the file's name tells it (``tracks.json``). Those of one device are one group. JSON
    of another kind is left out.

    Raises
    ------
    BadUse
        It is damaged, or can't be read.
    """
    try:
        found = detections_in(path.read_bytes())
    except OSError as error:
        raise BadUse(f"{path}: can't be read ({error.strerror or error})") from None
    except ValueError as error:
        raise BadUse(f"{path}: {error}") from None
    if found is None:
        left_out["JSON file without detections"] += 1
        return
    by_name = label_of_file(path)
    for index, one in enumerate(found):
        if not isinstance(one, dict):
            left_out["what is no detection"] += 1
            continue
        stated = next((one[key] for key in _FIELDS if one.get(key) not in (None, "")), None)
        label = by_name if stated is None else label_of(str(stated))
        if label == NO_LABEL:
            known = "detection without a class" if stated is None else "detection of another class"
            left_out[known] += 1
            continue
        try:
            pixels, _ = decode_picture(frame_content(one))
        except ValueError:
            left_out["detection without a picture that can be read"] += 1
            continue
        name = f"{path.name}#{one.get('id', f'[{index}]')}"
        yield labelled_found(pixels, label, _group(path, one), name)


def _group(path: Path, detection: dict[str, Any]) -> str:
    device = detection.get("device_id")
    return f"{path.parent.name}/{path.name}" if device in (None, "") else f"device {device}"
