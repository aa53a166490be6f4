"""One series of files as frames, streamed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, islice
from pathlib import Path

from edge.frame import BadFrame, Frame, SensorMode
from edge.sources.counts import Conversion, decide, is_counts
from edge.sources.files import Fault, FileFormat, FileInfo, Plane, Unreadable

# How many frames are looked at for one that a conversion can be chosen from.
_PEEKED_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a series; one whose header can't be read has no `info` but a `fault`."""

    path: Path
    format: FileFormat
    info: FileInfo | None
    fault: Fault | None = None

    @property
    def count(self) -> int:
        """Frames in the file; an unreadable one stands for one."""
        return 1 if self.info is None else self.info.count

    def planes(self, start: int, stop: int) -> Iterator[Plane | Fault]:
        """Yield exactly `stop - start` planes; what can't be read is a fault in its place."""
        done, fault = start, self.fault or Fault("truncated", "the file ends before this frame")
        if self.info is not None:
            try:
                for plane in self.format.planes(self.path, self.info, start, stop):
                    yield plane
                    done += 1
            except Unreadable as error:
                fault = Fault(error.reason, error.detail)
            except OSError as error:
                fault = Fault("unreadable", error.strerror or str(error))
        for _ in range(done, stop):
            yield fault


class FileSeries:
    """Implements `edge.frame.Series` over files of one mode.

    Pixels are read when frames are asked for, one frame at a time.
    """

    def __init__(self, name: str, members: Sequence[Member]) -> None:
        self._name = name
        self._members = list(members)
        self._starts = [0, *accumulate(member.count for member in members)]
        self._info = next(member.info for member in members if member.info is not None)

    @property
    def name(self) -> str:
        """Name of the series."""
        return self._name

    @property
    def count(self) -> int:
        """Number of frames, bad ones included."""
        return self._starts[-1]

    def place(self, index: int) -> tuple[Path, int | None]:
        """File that frame `index` is in, and which plane of it; None where it has just one."""
        number = bisect_right(self._starts, index) - 1
        member = self._members[number]
        return member.path, index - self._starts[number] if member.count > 1 else None

    @cached_property
    def mode(self) -> SensorMode:
        """Mode shared by its frames; `conversion` says what was done to the stored values."""
        mode, label = self._info.mode, self._conversion.label
        if not label:
            return mode
        return replace(mode, conversion="+".join(filter(None, (mode.conversion, label))))

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame | BadFrame]:
        """Yield frames `start` to `stop` in order."""
        stop = self.count if stop is None else min(stop, self.count)
        for index, (member, plane) in enumerate(self._planes(max(start, 0), stop), max(start, 0)):
            yield self._frame(index, member, plane)

    def _planes(self, start: int, stop: int) -> Iterator[tuple[Member, Plane | Fault]]:
        number = bisect_right(self._starts, start) - 1
        while start < stop:
            member, first = self._members[number], self._starts[number]
            last = min(stop, self._starts[number + 1])
            for plane in member.planes(start - first, last - first):
                yield member, plane
            start, number = last, number + 1

    def _frame(self, index: int, member: Member, plane: Plane | Fault) -> Frame | BadFrame:
        if isinstance(plane, Plane):
            plane = self._wrong_size(plane) or plane
        pixels = self._conversion.apply(plane.values) if isinstance(plane, Plane) else plane
        if isinstance(pixels, Fault):
            detail = f"{member.path.name}: {pixels.detail}"
            return BadFrame(index, index, pixels.reason, detail, self._name)
        pixels.flags.writeable = False
        info = member.info or self._info
        first = index == self._starts[bisect_right(self._starts, index) - 1]
        return Frame(
            pixels=pixels,
            sequence=index,
            index=index,
            mode=self.mode,
            series=self._name,
            sensor_time_ns=plane.sensor_time_ns if isinstance(plane, Plane) else None,
            # A header's time is that of the first plane; none is stated for the others.
            utc_ns=info.utc_ns if first else None,
            exposure_ns=info.mode.exposure_ns or 0,
            temperature_c=info.temperature_c,
            origin="recording",
        )

    def _wrong_size(self, plane: Plane) -> Fault | None:
        height, width = plane.values.shape
        expected = self._info.mode
        if (width, height) != (expected.width_px, expected.height_px):
            size = f"{expected.width_px}x{expected.height_px}"
            return Fault("changed_size", f"is {width}x{height} pixels, the series {size}")
        if plane.values.dtype.newbyteorder("=") != self._info.dtype:
            found = plane.values.dtype.name
            return Fault("changed_depth", f"holds {found}, the series {self._info.dtype.name}")
        return None

    @cached_property
    def _conversion(self) -> Conversion:
        if is_counts(self._info.dtype):
            return Conversion()
        for _, plane in islice(self._planes(0, self.count), _PEEKED_FRAMES):
            if isinstance(plane, Plane) and not self._wrong_size(plane):
                conversion = decide(plane.values)
                if conversion is not None:
                    return conversion
        return Conversion()
