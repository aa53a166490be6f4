"""Stacks of dark frames, and recordings that live in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.config.load import load_config
from edge.frame import BadFrame, Frame, SensorMode, Series
from edge.hitfile import exposure_path
from edge.messages.codec import parse_message
from edge.replay import Replay, ReplayResult

LEVEL, NOISE = 100.0, 3.0
Item = NDArray[np.uint16] | str | None


def dark(
    count: int, height: int = 40, width: int = 48, *, seed: int = 1, dtype: type = np.uint16
) -> NDArray[Any]:
    """Frames of a covered sensor, shape (count, height, width)."""
    random = np.random.default_rng(seed)
    return np.rint(random.normal(LEVEL, NOISE, (count, height, width))).astype(dtype)


@dataclass(frozen=True)
class MemorySeries:
    """A series from a list: pixels, the reason of a bad frame, or None for a missing one."""

    items: Sequence[Item]
    mode: SensorMode
    name: str = ""

    @property
    def count(self) -> int:
        return sum(item is not None for item in self.items)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame | BadFrame]:
        there = [(number, item) for number, item in enumerate(self.items) if item is not None]
        for index, (sequence, item) in list(enumerate(there))[start:stop]:
            if isinstance(item, str):
                yield BadFrame(sequence, index, item, "damaged", self.name)
            else:
                duration_ns = self.mode.frame_duration_ns or 0
                yield Frame(
                    item,
                    sequence,
                    index,
                    self.mode,
                    series=self.name,
                    sensor_time_ns=sequence * duration_ns,
                    exposure_ns=self.mode.exposure_ns or 0,
                    origin="recording",
                )


@dataclass(frozen=True)
class MemoryRecording:
    """A recording of such series."""

    contents: list[Series] = field(default_factory=list)
    path: str = "memory"
    origin: str = "recording"
    warnings: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr([one.count for one in self.contents]).encode()).hexdigest()

    def series(self) -> list[Series]:
        return list(self.contents)


def in_memory(items: Sequence[Item], bit_depth: int = 16) -> MemoryRecording:
    """Make a recording of one series; 10 frames/s, 90 ms exposed."""
    shape = next(item.shape for item in items if isinstance(item, np.ndarray))
    mode = SensorMode(
        "made up", shape[1], shape[0], bit_depth, exposure_ns=90_000_000, frame_duration_ns=10**8
    )
    return MemoryRecording([MemorySeries(items, mode)])


@dataclass(frozen=True)
class Replayed:
    """What a replay left behind."""

    result: ReplayResult
    hits: list[dict[str, Any]]
    exposures: list[dict[str, Any]]
    content: tuple[bytes, bytes]

    @property
    def summary(self) -> dict[str, Any]:
        return self.result.summary


def replay(recording: Any, out: Path, *, workers: int = 1, **settings: Any) -> Replayed:
    """Replay into `out` with settings such as ``hold__frames=2``; every message must be right."""
    calibration, stop = settings.pop("calibration", None), settings.pop("stop", None)
    # The shape rules, where a test does not ask for a model: most are not about classes.
    settings.setdefault("classify__model", "rules")
    config = load_config(None, {key.replace("__", "."): v for key, v in settings.items()})
    done = Replay(
        recording, config, calibration=calibration, out=out, workers=workers, stop=stop
    ).run()
    return Replayed(done, *read(out))


def read(out: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], tuple[bytes, bytes]]:
    """Hits, exposure records, and the bytes of both files."""
    content = out.read_bytes(), exposure_path(out).read_bytes()
    messages = []
    for text in content:
        for line in text.splitlines():
            parse_message(line)
        messages.append([json.loads(line) for line in text.splitlines()])
    return messages[0], messages[1], content


def check_sums(replayed: Replayed) -> None:
    """Both sums of the plan, live and dead time, and the numbering of the messages."""
    summary, records = replayed.summary, replayed.exposures
    for counts in [summary, *(record["frames"] for record in records)]:
        assert counts["expected"] == counts["received"] + counts["missing"]
        bins = ("processed", "calibrating", "uncovered", "dropped", "bad")
        assert counts["received"] == sum(counts[name] for name in bins)
    for part in [summary, *records]:
        assert part["candidates"] == part["hits"] + sum(part["rejected"].values())
    assert summary["hits"] == len(replayed.hits) == sum(summary["classes"].values())
    assert summary["bad"] == sum(summary["bad_by_reason"].values())
    for key in ("expected", "processed", "uncovered", "bad", "missing"):
        assert sum(record["frames"][key] for record in records) == summary[key]
    for key in ("candidates", "hits"):
        assert sum(record[key] for record in records) == summary[key]
    for reason, count in summary["rejected"].items():
        assert sum(record["rejected"].get(reason, 0) for record in records) == count
    for record in records:
        parts = record["live_time_ns"] + sum(record["dead_time_ns"].values())
        assert parts == span_ns(record)
    live_ns = sum(record["live_time_ns"] for record in records)
    assert summary["live_time_s"] == live_ns / 1e9
    numbers = sorted(one["seq"] for one in [*replayed.hits, *records])
    assert numbers == list(range(1, len(numbers) + 1))
    assert {one["epoch"] for one in [*replayed.hits, *records]} <= {summary["epoch"]}


def span_ns(record: dict[str, Any]) -> int:
    """Time from the begin to the end of an exposure record."""
    from edge.messages.utc import parse_utc_ns

    return parse_utc_ns(record["to_utc"]) - parse_utc_ns(record["from_utc"])
