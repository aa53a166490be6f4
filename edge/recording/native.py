"""Reading a native recording: memory-mapped, in order, as often as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from edge.errors import Failed
from edge.frame import BadFrame, Frame, Origin, Pixels, SensorMode, Series
from edge.recording.digest import digest_files
from edge.recording.index import FrameIndex, GoodLine
from edge.recording.layout import HEAD_NAME, INDEX_NAME, Head, read_head
from edge.recording.segments import Segment, find_segments


def is_native(path: Path) -> bool:
    """Whether `path` is a folder with a native recording."""
    return (path / HEAD_NAME).is_file()


class NativeRecording:
    """A folder made by `RecordingWriter`; implements `edge.frame.Recording`.

    An interrupted recording ends with its last frame that is wholly on disk.

    Raises
    ------
    BadUse
        `path` is no native recording.
    Failed
        It is damaged: one line says where.
    """

    def __init__(self, path: str | Path) -> None:
        self._folder = Path(path)
        self._head = read_head(self._folder)
        try:
            segments = find_segments(self._folder, complete=self._head.complete)
        except OSError as error:
            raise Failed(f"{self._folder}: can't be read: {error.strerror}") from None
        for segment in segments[:1]:
            _check_mode(segment, self._head.mode)
        index = FrameIndex(self._folder / INDEX_NAME, segments)
        count = self._count(segments, index)
        self._names = [HEAD_NAME, INDEX_NAME, *(segment.path.name for segment in segments)]
        self._series = NativeSeries(self._head, segments, index, count)

    @property
    def path(self) -> str:
        """Where it lies."""
        return str(self._folder)

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 over what its frames come from; `truth.jsonl` doesn't change a frame."""
        return digest_files(self._folder, self._names)

    @property
    def origin(self) -> Origin:
        """recording, simulation or injection, as it was made."""
        return self._head.origin

    @property
    def complete(self) -> bool:
        """False where recording was interrupted, or still goes on."""
        return self._head.complete

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line where it was interrupted, or still grows."""
        if self._head.complete:
            return ()
        return (f"{self._folder.name}: was not closed; {self._series.count} frames are whole",)

    def series(self) -> list[Series]:
        """Its one series."""
        return [self._series]

    def _count(self, segments: list[Segment], index: FrameIndex) -> int:
        if not self._head.complete:
            return index.usable()
        if index.count != self._head.frames:
            raise Failed(
                f"{self._folder / INDEX_NAME}: has {index.count} lines, "
                f"{HEAD_NAME} states {self._head.frames} frames"
            )
        stored, good = sum(s.count for s in segments), self._head.frames - self._head.bad
        if stored != good:
            raise Failed(
                f"{self._folder}: its segments hold {stored} frames, {HEAD_NAME} states {good}; "
                "one is missing or was changed"
            )
        return index.count


class NativeSeries:
    """The frames of a native recording; implements `edge.frame.Series`."""

    def __init__(self, head: Head, segments: list[Segment], index: FrameIndex, count: int) -> None:
        self._head = head
        self._segments = segments
        self._index = index
        self._count = count
        self._first_sensor_ns = self._find_first_sensor_ns()

    @property
    def name(self) -> str:
        """Name that `recording.toml` states."""
        return self._head.series

    @property
    def mode(self) -> SensorMode:
        """Mode of all its frames."""
        return self._head.mode

    @property
    def count(self) -> int:
        """Number of frames, bad ones included."""
        return self._count

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame | BadFrame]:
        """Yield frames `start` to `stop`; one segment is mapped at a time."""
        stop = self._count if stop is None else min(stop, self._count)
        number, mapped = -1, None
        for line in self._index.lines(max(start, 0), stop):
            bad = line if isinstance(line, BadFrame) else self._index.check(line)
            if bad is not None:
                yield BadFrame(bad.sequence, bad.index, bad.reason, bad.detail, self.name)
                continue
            assert isinstance(line, GoodLine)  # noqa: S101  (for the type checker)
            if mapped is None or line.segment != number:
                number, mapped = line.segment, self._segments[line.segment].open()
            yield self._frame(line, mapped[line.position])

    def _frame(self, line: GoodLine, pixels: Pixels) -> Frame:
        return Frame(
            pixels=pixels,
            sequence=line.sequence,
            index=line.index,
            mode=self._head.mode,
            series=self._head.series,
            sensor_time_ns=line.sensor_time_ns,
            utc_ns=self._utc_ns(line),
            exposure_ns=line.exposure_ns,
            temperature_c=line.temperature_c,
            origin=self._head.origin,
        )

    def _utc_ns(self, line: GoodLine) -> int | None:
        """Time of the frame: its own, else from the stated start."""
        start_ns = self._head.start_utc_ns
        if line.utc_ns is not None or start_ns is None:
            return line.utc_ns
        if line.sensor_time_ns is not None and self._first_sensor_ns is not None:
            return start_ns + line.sensor_time_ns - self._first_sensor_ns
        duration_ns = self._head.mode.frame_duration_ns
        return None if duration_ns is None else start_ns + line.sequence * duration_ns

    def _find_first_sensor_ns(self) -> int | None:
        for line in self._index.lines(0, self._count):
            if isinstance(line, GoodLine):
                return line.sensor_time_ns
        return None


def _check_mode(segment: Segment, mode: SensorMode) -> None:
    """See that what is stored fits what `recording.toml` states."""
    rows, columns = segment.shape
    if mode.packing != "none":
        from edge.pixels.unpack import packed_width_bytes

        least = packed_width_bytes(mode.width_px, mode.packing)
        if rows != mode.height_px or columns < least or segment.dtype.itemsize != 1:
            raise Failed(
                f"{segment.path}: {segment.dtype} {columns} x {rows}, expected {mode.height_px} "
                f"rows of at least {least} bytes ({mode.packing})"
            )
        return
    if (rows, columns) != (mode.height_px, mode.width_px):
        raise Failed(
            f"{segment.path}: frames are {columns} x {rows} px, {HEAD_NAME} states "
            f"{mode.width_px} x {mode.height_px}"
        )
    if segment.dtype.itemsize == 1 and mode.bit_depth > 8:
        raise Failed(f"{segment.path}: frames are uint8, {HEAD_NAME} states {mode.bit_depth} bits")
