"""Hits in JSON of CREDO's API, labelled in a field or by the file's name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.errors import BadUse
from edge.hits.decoding import decode_picture, frame_content
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
    of these, the file's name tells it (``tracks.json``). Those of one device are one group.

    Raises
    ------
    BadUse
        It is damaged, or holds no list of detections.
    """
    found = _list_in(path)
    if found is None:
        raise BadUse(f'{path}: is JSON without a list of "detections"')
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


def holds_detections(path: Path) -> bool:
    """Whether JSON is of CREDO's API; raises BadUse where it is damaged."""
    return _list_in(path) is not None


def _list_in(path: Path) -> list[Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise BadUse(f"{path}: can't be read ({error.strerror or error})") from None
    except (ValueError, RecursionError):
        raise BadUse(f"{path}: is damaged JSON, or cut short") from None
    found = content.get("detections") if isinstance(content, dict) else content
    return found if isinstance(found, list) else None


def _group(path: Path, detection: dict[str, Any]) -> str:
    device = detection.get("device_id")
    return f"{path.parent.name}/{path.name}" if device in (None, "") else f"device {device}"
