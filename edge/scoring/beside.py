"""What the recording beside a truth tells: its size, its frames, and when each began."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from edge.errors import CosmicEdgeError
from edge.frame import BadFrame, Series
from edge.pixels.candidates import stamp_of
from edge.recording.native import NativeRecording, is_native
from edge.timeline import RecordedTimeline, exposure_ns


@dataclass(frozen=True, slots=True)
class Beside:
    """A native recording whose truth is scored."""

    recording: NativeRecording

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its frames."""
        mode = self._series.mode
        return mode.width_px, mode.height_px

    @property
    def frames(self) -> int:
        """Number of frames, bad ones included."""
        return self._series.count

    @property
    def series(self) -> str:
        """Name of its series."""
        return self._series.name

    @property
    def _series(self) -> Series:
        return self.recording.series()[0]

    def starts_ns(self, wanted: Collection[int]) -> dict[int, int]:
        """Start of exposure of the first row of some frames, as a replay dates them."""
        timeline, starts, last = RecordedTimeline(), {}, max(wanted, default=-1)
        for frame in self._series.frames(0, last + 1):
            if isinstance(frame, BadFrame):
                continue
            start_ns = timeline.start_ns(stamp_of(frame))
            if frame.index in wanted:
                starts[frame.index] = start_ns
        return starts

    def exposed(self) -> tuple[int, int]:
        """Time and number of its good frames: more than a rig has looked at, never less."""
        total_ns = count = 0
        for frame in self._series.frames():
            if not isinstance(frame, BadFrame):
                total_ns += exposure_ns(frame)
                count += 1
        return total_ns, count


def find_beside(truth: Path, notes: list[str]) -> Beside | None:
    """Open the recording in a truth's folder; None where there is none, or a damaged one."""
    if not is_native(truth.parent):
        return None
    try:
        return Beside(NativeRecording(truth.parent))
    except CosmicEdgeError as error:
        notes.append(f"no times and no size: {error}")
        return None
