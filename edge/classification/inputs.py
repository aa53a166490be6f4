"""Files and folders to what can be classified, one by one, in their order."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from edge.classification.spotted import lit_above, spotted
from edge.describe import describe
from edge.detection import Candidate
from edge.errors import BadUse, CosmicEdgeError
from edge.frame import Pixels
from edge.hits.decoding import frame_content
from edge.pictures import MAX_BYTES, SUFFIXES, Refused, read_picture
from edge.sources.grouping import natural_key

if TYPE_CHECKING:
    from edge.hits.record import StoredHit

T = TypeVar("T")
_HEAD_BYTES = 4096
_ID_CHARS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """One hit to classify, by the name it is reported under."""

    file: str
    candidate: Candidate
    features: dict[str, float]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What can't be classified, and why."""

    file: str
    why: str


Item: TypeAlias = Picked | Refusal


def files_of(paths: Sequence[Path]) -> list[Path | Refusal]:
    """Find the files: those named, and the images below each folder in natural order.

    Raises
    ------
    BadUse
        There is nothing at a path.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise BadUse(f"{path}: no such file or folder")
    found: list[Path | Refusal] = []
    for path in paths:
        found += _below(path) if path.is_dir() else [path]
    return found


def items_of(path: Path) -> Iterator[Item]:
    """Read what a file holds: an image, a rig's hits, or detections of the CREDO API.

    What can't be read is a refusal in its place; hits and detections are called ``path#id``.
    """
    try:
        head = _head(path)
        if path.suffix.lower() in SUFFIXES or not _may_be_json(head):
            yield _item(str(path), _of_file, path)
        elif b"cosmic-edge/" in head or head.startswith(b"SQLite format 3"):
            yield from _hits(path)
        else:
            yield from _detections(path)
    except Refused as error:
        yield Refusal(str(path), str(error))
    except OSError as error:
        yield Refusal(str(path), f"can't be read ({error.strerror or error})")


def _below(folder: Path) -> list[Path | Refusal]:
    faults: list[Path | Refusal] = []

    def note(error: OSError) -> None:
        faults.append(Refusal(str(error.filename), f"can't be read ({error.strerror or error})"))

    found = [
        Path(place, name)
        for place, _, names in os.walk(folder, onerror=note)
        for name in names
        if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
    ]
    found.sort(key=lambda path: [natural_key(part) for part in path.parts])
    if not found and not faults:
        faults.append(Refusal(str(folder), "holds no images"))
    return [*found, *faults]


def _head(path: Path) -> bytes:
    if not path.is_file():
        raise Refused("is no ordinary file" if path.exists() else "leads nowhere")
    if path.stat().st_size > MAX_BYTES and path.suffix.lower() in SUFFIXES:
        raise Refused(f"is larger than {MAX_BYTES // 1_000_000} MB")
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _may_be_json(head: bytes) -> bool:
    return head.lstrip()[:1] in (b"{", b"[") or head.startswith(b"SQLite format 3")


def _item(name: str, pick: Callable[[T], tuple[Candidate, dict[str, float]]], one: T) -> Item:
    try:
        candidate, features = pick(one)
    except Refused as error:
        return Refusal(name, str(error))
    return Picked(name, candidate, features)


def _of_file(path: Path) -> tuple[Candidate, dict[str, float]]:
    return _picked(read_picture(path.read_bytes()))


def _picked(pixels: Pixels) -> tuple[Candidate, dict[str, float]]:
    candidate = spotted(pixels)
    if candidate is None:
        raise Refused("all its pixels are alike: nothing to classify")
    return candidate, describe(candidate)


def _hits(path: Path) -> Iterator[Item]:
    """Hits of a replay's file or of a rig's archive; damaged lines are told together."""
    from edge.hits import Query, open_hits

    try:
        reader = open_hits(path)
        try:
            for hit in reader.hits(Query()):
                name = f"{path}#{hit.message.id[:_ID_CHARS]}"
                yield _item(name, _of_hit, hit)
            if reader.damage:
                count = reader.damage.count
                yield Refusal(str(path), f"{count} can't be read: {reader.damage.first}")
        finally:
            reader.close()
    except CosmicEdgeError as error:
        yield Refusal(str(path), str(error).removeprefix(f"{path}: "))


def _of_hit(hit: StoredHit) -> tuple[Candidate, dict[str, float]]:
    """A hit with the features its rig measured; its pixels are bright ones about its place."""
    try:
        pixels = hit.pixels()
    except ValueError as error:
        raise Refused(f"its crop can't be read ({error})") from None
    if not hit.lies_in(pixels.shape):
        raise Refused("its place lies outside its crop")
    area = min(hit.message.area_px, pixels.size)
    least = int(np.partition(pixels, pixels.size - area, axis=None)[pixels.size - area])
    candidate = lit_above(pixels, least - 0.5, hit.peak)
    ours = describe(candidate)
    measured = hit.message.features
    return candidate, dict(measured) if ours.keys() <= measured.keys() else ours


def _detections(path: Path) -> Iterator[Item]:
    """Detections of the CREDO API: ``{"detections": [{"frame_content": base64, …}, …]}``."""
    if path.stat().st_size > MAX_BYTES:
        raise Refused(f"is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        whole = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Refused(f"is no whole JSON ({' '.join(str(error).split())[:80]})") from None
    found = whole.get("detections") if isinstance(whole, dict) else None
    if not isinstance(found, list):
        raise Refused('is JSON without hits or "detections"')
    if not found:
        raise Refused("holds no detections")
    for number, one in enumerate(found):
        named = one.get("id", number) if isinstance(one, dict) else number
        yield _item(f"{path}#{named}", _of_detection, one)


def _of_detection(detection: Any) -> tuple[Candidate, dict[str, float]]:
    try:
        data = frame_content(detection)
    except ValueError as error:
        raise Refused(str(error)) from None
    return _picked(read_picture(data))
