"""How long a rig was really looking, and when it was not: the sums of its exposure records."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibration.tail import normal_tail
from edge.errors import BadUse
from edge.scoring.injection import Injections
from edge.scoring.lines import number, objects, text, whole

_KIND = "the exposure records of a replay (HITS.exposure.jsonl)"
_IDLE = ("calibrating", "uncovered", "dropped", "bad")
_WORTH_TELLING = 0.1
"""Share of a record's frames that were not searched, to be named as why a particle was missed."""


@dataclass(slots=True)
class Spans:
    """The records of one series, end to end.

    Attributes
    ----------
    ends : list of int
        Number of the first frame after each record, counted by the source's own counter: a record
        counts every frame it expected.
    idle : list of str
        What most frames of a record were that were not searched; "" where nearly all were.
    processed : list of int
    """

    ends: list[int] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    processed: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Exposure:
    """Sums over all records.

    Attributes
    ----------
    live_time_ns, processed, reads : int
        Time and frames in which a particle would have been seen; pixels in those frames.
    sizes : set of (width, height)
        Of the sensors that were looking.
    false_per_hour : float or None
        Triggers by noise alone that the calibration expects, mean over the live time.
    false_from : str
        "calibration" where a record states that rate; "seed_sigma" where it follows from the
        threshold of a single pixel on a normal tail, clusters not counted; "" where neither is
        known.
    spans : dict of str to Spans
        By series.
    injections : Injections
    """

    live_time_ns: int = 0
    processed: int = 0
    reads: int = 0
    sizes: set[tuple[int, int]] = field(default_factory=set)
    false_per_hour: float | None = None
    false_from: str = ""
    spans: dict[str, Spans] = field(default_factory=dict)
    injections: Injections = field(default_factory=Injections)
    _stated: float | None = None
    _by_threshold: float = 0.0
    _thresholds_known: bool = True

    def idle_at(self, series: str, sequence: int) -> tuple[str, bool]:
        """What a rig did instead of looking around a frame.

        Returns
        -------
        reason : str
            "calibrating", "uncovered", "dropped", "bad"; "" where nearly every frame was searched
            or nothing is known of it.
        wholly : bool
            No frame of the record was searched: a particle could not have been found.
        """
        spans = self.spans.get(series)
        at = -1 if spans is None else bisect_right(spans.ends, sequence)
        if spans is None or at >= len(spans.ends):
            return "", False
        return spans.idle[at], bool(spans.idle[at]) and not spans.processed[at]

    def add(self, record: dict[str, Any]) -> None:
        """Add a record.

        Raises
        ------
        ValueError
            It is none.
        """
        frames, sensor = record.get("frames"), record.get("sensor")
        if not isinstance(frames, dict) or not isinstance(sensor, dict):
            raise ValueError("frames or sensor are missing")
        processed = whole(frames, "processed")
        size = whole(sensor, "width_px"), whole(sensor, "height_px")
        reads = processed * size[0] * size[1]
        self.live_time_ns += whole(record, "live_time_ns")
        self.processed += processed
        self.reads += reads
        self.sizes.add(size)
        self.injections.add(record)
        self._add_span(record, frames, processed)
        self._add_rate(record.get("thresholds"), reads)

    def state_rate(self, per_hour: float) -> None:
        """Take the rate that a calibration message states; the last one holds."""
        self._stated = per_hour

    def finish(self) -> None:
        """Settle what rate of false triggers is expected."""
        hours = self.live_time_ns / 3.6e12
        if self._stated is not None:
            self.false_per_hour, self.false_from = self._stated, "calibration"
        elif self.reads and hours and self._thresholds_known:
            self.false_per_hour, self.false_from = self._by_threshold / hours, "seed_sigma"

    def _add_span(self, record: dict[str, Any], frames: dict[str, Any], processed: int) -> None:
        spans = self.spans.setdefault(text(record, "series", ""), Spans())
        before = spans.ends[-1] if spans.ends else 0
        counts = {reason: whole(frames, reason, 0) for reason in _IDLE}
        most = max(counts, key=lambda reason: counts[reason])
        spans.ends.append(before + whole(frames, "expected"))
        told = counts[most] > 0 and counts[most] >= _WORTH_TELLING * (processed + counts[most])
        spans.idle.append(most if told else "")
        spans.processed.append(processed)

    def _add_rate(self, thresholds: Any, reads: int) -> None:
        thresholds = thresholds if isinstance(thresholds, dict) else {}
        stated = thresholds.get("expected_false_triggers_per_hour")
        if stated is not None:
            self.state_rate(number(thresholds, "expected_false_triggers_per_hour"))
        seed_sigma = thresholds.get("seed_sigma")
        if seed_sigma is None:
            self._thresholds_known = self._thresholds_known and not reads
        else:
            self._by_threshold += reads * normal_tail(number(thresholds, "seed_sigma"))


def read_exposure(path: Path, notes: list[str]) -> Exposure:
    """Read the exposure records of a replay or a rig.

    Raises
    ------
    BadUse
        It holds something else: the line and why.
    """
    total = Exposure()
    for at, line in objects(path, _KIND, notes):
        try:
            schema = text(line, "schema", "")
            if schema == "cosmic-edge/exposure/1":
                total.add(line)
            elif schema == "cosmic-edge/calibration/1":
                total.state_rate(number(line, "expected_false_triggers_per_hour"))
            elif not schema.startswith("cosmic-edge/"):
                raise ValueError(f"schema is {schema!r:.60}")
        except ValueError as error:
            raise BadUse(f"{path}, line {at}: no record: {error}; name {_KIND}") from None
    total.finish()
    return total
