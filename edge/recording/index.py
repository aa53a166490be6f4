"""`frames.jsonl`: a line for each frame, read from anywhere without holding them all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import Failed
from edge.frame import BadFrame
from edge.recording.segments import Segment

_BLOCK = 1 << 20
# The offset of each so-many-th line is kept: one number for a few seconds of frames.
_EVERY = 256
_UNREADABLE = "unreadable_index"
# Counters and times beyond 64 bits are damage.
_LIMIT = 2**63


@dataclass(frozen=True, slots=True)
class GoodLine:
    """A frame with pixels: where they lie and what is known of it."""

    index: int
    sequence: int
    segment: int
    position: int
    sensor_time_ns: int | None
    utc_ns: int | None
    exposure_ns: int
    temperature_c: float | None


class FrameIndex:
    """Lines of `frames.jsonl`.

    Parameters
    ----------
    path : Path
        Of the file.
    segments : sequence of Segment
        What the lines point into.

    Raises
    ------
    Failed
        The file is missing or can't be read.
    """

    def __init__(self, path: Path, segments: Sequence[Segment]) -> None:
        self._path = path
        self._counts = tuple(segment.count for segment in segments)
        self._offsets, self.count = self._scan()

    def lines(self, start: int, stop: int) -> Iterator[GoodLine | BadFrame]:
        """Yield lines `start` to `stop`; one that can't be used comes as a BadFrame."""
        for index, text in self._texts(start, stop):
            yield self._parse(index, text)

    def usable(self) -> int:
        """Count the lines up to the first that points at frames that never reached the disk.

        An interrupted recording ends there; so does one whose last line is cut off.
        """
        usable = 0
        for line in self.lines(0, self.count):
            if isinstance(line, BadFrame) and line.reason == _UNREADABLE:
                continue  # counts only if a usable one follows
            if isinstance(line, GoodLine) and not self._is_there(line):
                break
            usable = line.index + 1
        return usable

    def _scan(self) -> tuple[list[int], int]:
        """Offsets of each 256th line, and the number of lines."""
        offsets, count, at, tail = [0], 0, 0, b"\n"
        try:
            with self._path.open("rb") as file:
                while block := file.read(_BLOCK):
                    position = block.find(b"\n")
                    while position >= 0:
                        count += 1
                        if count % _EVERY == 0:
                            offsets.append(at + position + 1)
                        position = block.find(b"\n", position + 1)
                    at += len(block)
                    tail = block[-1:]
        except FileNotFoundError:
            raise Failed(f"{self._path}: is missing") from None
        except OSError as error:
            raise Failed(f"{self._path}: can't be read: {error.strerror}") from None
        return offsets, count + (tail != b"\n")

    def _texts(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        if start >= stop:
            return
        try:
            with self._path.open("rb") as file:
                file.seek(self._offsets[start // _EVERY])
                for index, text in enumerate(file, start - start % _EVERY):
                    if index >= stop:
                        return
                    if index >= start:
                        yield index, text
        except OSError as error:
            raise Failed(f"{self._path}: can't be read: {error.strerror}") from None

    def _parse(self, index: int, text: bytes) -> GoodLine | BadFrame:
        try:
            line = json.loads(text)
            if not isinstance(line, dict):
                raise ValueError("no object")
            sequence = _whole(line, "sequence")
            if line.get("status") == "bad":
                reason, detail = str(line.get("reason", "bad")), str(line.get("detail", ""))
                return BadFrame(sequence, index, reason, detail)
            return GoodLine(
                index=index,
                sequence=sequence,
                segment=_whole(line, "segment"),
                position=_whole(line, "position"),
                sensor_time_ns=_maybe_whole(line, "sensor_time_ns"),
                utc_ns=_maybe_whole(line, "utc_ns"),
                exposure_ns=_maybe_whole(line, "exposure_ns") or 0,
                temperature_c=_maybe_number(line, "temperature_c"),
            )
        except ValueError as error:
            detail = f"{self._path}:{index + 1}: unreadable line: {error}"
            return BadFrame(index, index, _UNREADABLE, detail)

    def _is_there(self, line: GoodLine) -> bool:
        return line.segment < len(self._counts) and line.position < self._counts[line.segment]

    def check(self, line: GoodLine) -> BadFrame | None:
        """Say what is wrong with a line whose frame is in no segment; None: it is there."""
        if self._is_there(line):
            return None
        detail = (
            f"{self._path}:{line.index + 1}: no frame {line.position} in segment {line.segment}"
        )
        return BadFrame(line.sequence, line.index, _UNREADABLE, detail)


def _whole(line: dict[str, Any], key: str) -> int:
    value = line.get(key)
    if type(value) is not int or not 0 <= value < _LIMIT:
        raise ValueError(f"{key} is {value!r:.60}")
    return value


def _maybe_whole(line: dict[str, Any], key: str) -> int | None:
    value = line.get(key)
    if value is not None and (type(value) is not int or abs(value) >= _LIMIT):
        raise ValueError(f"{key} is {value!r:.60}")
    return value


def _maybe_number(line: dict[str, Any], key: str) -> float | None:
    value = line.get(key)
    if value is not None and type(value) not in (int, float):
        raise ValueError(f"{key} is {value!r:.60}")
    return value
