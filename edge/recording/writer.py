"""Writing a native recording, frame by frame."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge.errors import BadUse, CosmicEdgeError, Failed
from edge.frame import BadFrame, Frame, Origin, SensorMode
from edge.recording.files import LineFile, replace_text, write_failed
from edge.recording.layout import (
    ARTEFACTS_NAME,
    HEAD_NAME,
    INDEX_NAME,
    TRUTH_NAME,
    Head,
    dump_head,
)
from edge.recording.segments import SegmentWriter

# A segment is closed at about this size.
_SEGMENT_BYTES = 64 << 20
_MOST_SEGMENT_FRAMES = 4096


def prepare_folder(path: Path) -> None:
    """Make an empty folder for a recording.

    Raises
    ------
    BadUse
        There is something at that place.
    Failed
        It can't be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        taken = any(path.iterdir())
    except (FileExistsError, NotADirectoryError):
        raise BadUse(f"{path}: is no folder; name a new or an empty one") from None
    except OSError as error:
        raise Failed(f"{path}: can't make the folder: {error.strerror}") from None
    if taken:
        raise BadUse(f"{path}: is not empty; name a new or an empty folder")


class RecordingWriter:
    """Appends frames to a new recording; a context manager.

    Whatever happens, what was appended can be read: every frame and its line are handed to the
    operating system when `append` returns, and a segment takes its final name only as a whole.

    Parameters
    ----------
    path : Path
        A new or an empty folder.
    mode : SensorMode
        Of all frames.
    origin : str
        Of the source; what a camera gives becomes a "recording".
    series : str
        Name of the series ("" : none).
    start_utc_ns : int, optional
        Unix time of the first frame, where frames have none of their own.
    source : str
        What is recorded, for a reader.
    segment_frames : int, optional
        Frames in a segment; None: about 64 MB of them.
    with_truth : bool
        Whether `append_truth` will be used, even if there is none to tell.

    Raises
    ------
    BadUse
        The folder is not empty.
    Failed
        It can't be written.
    """

    def __init__(
        self,
        path: Path,
        mode: SensorMode,
        origin: Origin,
        *,
        series: str = "",
        start_utc_ns: int | None = None,
        source: str = "",
        segment_frames: int | None = None,
        with_truth: bool = False,
    ) -> None:
        prepare_folder(path)
        self.path = path
        self._head = Head(
            origin="recording" if origin == "camera" else origin,
            mode=mode,
            series=series,
            start_utc_ns=start_utc_ns,
            source=source,
            segment_frames=segment_frames or _default_segment_frames(mode),
        )
        self._segment: SegmentWriter | None = None
        self._segments = 0
        self._like: tuple[tuple[int, ...], str] | None = None
        self._closed = False
        self._failed = False
        self._artefacts: LineFile | None = None
        try:
            replace_text(path / HEAD_NAME, dump_head(self._head))
            self._index = LineFile(path / INDEX_NAME)
            self._truth = LineFile(path / TRUTH_NAME) if with_truth else None
        except OSError as error:
            raise write_failed(path, error) from None

    @property
    def frames(self) -> int:
        """Frames appended so far, bad ones included."""
        return self._head.frames

    @property
    def bad(self) -> int:
        """Bad ones among them."""
        return self._head.bad

    def append(self, frame: Frame | BadFrame) -> int:
        """Append a frame and return its index in the series.

        A frame of another size, depth or mode than the recording's is kept as a bad one.

        Raises
        ------
        Failed
            The disk is full, or gone. What was appended before can be read.
        """
        index = self.frames
        bad = frame if isinstance(frame, BadFrame) else self._refuse(frame)
        try:
            line = _bad_line(bad) if bad else self._append_pixels(frame)
            self._index.append(json.dumps({"index": index} | line) + "\n")
            if self._segment is not None and self._segment.count == self._head.segment_frames:
                self._seal()
        except BaseException as error:  # Ctrl-C too may leave a frame without its line
            self._failed = True
            if isinstance(error, OSError):
                raise write_failed(self.path, error) from None
            raise
        self._head = dataclasses.replace(
            self._head, frames=index + 1, bad=self.bad + (bad is not None)
        )
        return index

    def append_truth(
        self, sequence: int, index: int | None, status: str, particles: Iterable[Mapping[str, Any]]
    ) -> None:
        """Add what really was in a frame, a line a particle.

        Parameters
        ----------
        sequence : int
            The source's number of the frame.
        index : int or None
            Its place in the series; None where it never arrived.
        status : str
            "ok", "bad" or "missing".
        particles : iterable of mapping
            Ready for JSON.
        """
        if self._truth is None:
            raise ValueError("this recording was begun without truth")
        self._append_lines(self._truth, self._about(sequence, index, status), particles)

    def append_artefacts(
        self, sequence: int, index: int | None, status: str, artefacts: Iterable[Mapping[str, Any]]
    ) -> None:
        """Add what befell a frame, a line each; `artefacts.jsonl` begins with the first one.

        Parameters are those of `append_truth`.
        """
        told = list(artefacts)
        if not told:
            return
        if self._artefacts is None:
            try:
                self._artefacts = LineFile(self.path / ARTEFACTS_NAME)
            except OSError as error:
                self._failed = True
                raise write_failed(self.path, error) from None
        self._append_lines(self._artefacts, self._about(sequence, index, status), told)

    @property
    def has_artefacts(self) -> bool:
        """Whether there is an `artefacts.jsonl`."""
        return self._artefacts is not None

    def _about(self, sequence: int, index: int | None, status: str) -> dict[str, Any]:
        return {
            "series": self._head.series,
            "frame": index,
            "sequence": sequence,
            "status": status,
        }

    def _append_lines(
        self, file: LineFile, frame: dict[str, Any], items: Iterable[Mapping[str, Any]]
    ) -> None:
        text = "".join(json.dumps(frame | dict(item)) + "\n" for item in items)
        if text:
            try:
                file.append(text)
            except OSError as error:
                self._failed = True
                raise write_failed(self.path, error) from None

    def close(self) -> None:
        """Seal the last segment and state the counts; once.

        Raises
        ------
        Failed
            The disk doesn't take it; the recording can still be read.
        """
        if self._closed:
            return
        self._closed = True
        every = (self._index, self._truth, self._artefacts)
        lines = [file for file in every if file is not None]
        try:
            self._seal()
            for file in lines:
                file.sync()
            # After a fault the counts may not fit: readers then look for themselves.
            if not self._failed:
                head = dataclasses.replace(self._head, complete=True)
                replace_text(self.path / HEAD_NAME, dump_head(head))
        except OSError as error:
            raise write_failed(self.path, error) from None
        finally:
            for file in lines:
                file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except CosmicEdgeError:
            if error is None:  # else the first fault is the one to tell
                raise

    def _refuse(self, frame: Frame) -> BadFrame | None:
        """Say why a frame is not like the recording's."""
        mode = self._head.mode
        detail = ""
        if (frame.mode.width_px, frame.mode.height_px) != (mode.width_px, mode.height_px):
            reason = "changed_size"
            detail = f"{frame.mode.width_px} x {frame.mode.height_px} px"
        elif frame.mode.bit_depth != mode.bit_depth:
            reason, detail = "changed_depth", f"{frame.mode.bit_depth} bits"
        # The exposure is kept with every frame and may change.
        elif dataclasses.replace(frame.mode, exposure_ns=mode.exposure_ns) != mode:
            reason, detail = "changed_mode", "another sensor mode"
        elif not _fits(frame) or self._like not in (None, _like(frame)):
            reason, detail = "changed_size", f"{frame.pixels.dtype} {frame.pixels.shape}"
        if not detail:
            return None
        return BadFrame(frame.sequence, frame.index, reason, f"{detail}, unlike what was stated")

    def _append_pixels(self, frame: Frame | BadFrame) -> dict[str, Any]:
        assert isinstance(frame, Frame)  # noqa: S101  (for the type checker)
        if self._segment is None:
            self._segment = SegmentWriter(self.path, self._segments, frame.pixels)
            self._like = _like(frame)
        return {
            "sequence": frame.sequence,
            "status": "ok",
            "sensor_time_ns": frame.sensor_time_ns,
            "utc_ns": frame.utc_ns,
            "exposure_ns": frame.exposure_ns,
            "temperature_c": frame.temperature_c,
            "segment": self._segments,
            "position": self._segment.append(frame.pixels),
        }

    def _seal(self) -> None:
        if self._segment is not None:
            segment, self._segment = self._segment, None
            self._segments += 1
            segment.seal()


def _like(frame: Frame) -> tuple[tuple[int, ...], str]:
    return frame.pixels.shape, frame.pixels.dtype.str


def _fits(frame: Frame) -> bool:
    """Whether the pixels are what their own mode says."""
    mode, pixels = frame.mode, frame.pixels
    if mode.packing != "none":
        return pixels.ndim == 2 and pixels.itemsize == 1
    return pixels.shape == (mode.height_px, mode.width_px) and pixels.itemsize * 8 >= mode.bit_depth


def _bad_line(frame: BadFrame) -> dict[str, Any]:
    return {
        "sequence": frame.sequence,
        "status": "bad",
        "reason": frame.reason,
        "detail": frame.detail,
    }


def _default_segment_frames(mode: SensorMode) -> int:
    frame_bytes = mode.width_px * mode.height_px * (1 if mode.bit_depth == 8 else 2)
    return min(max(_SEGMENT_BYTES // frame_bytes, 1), _MOST_SEGMENT_FRAMES)
