"""The native recording: a folder of segments that grows frame by frame and is read mapped."""

from edge.recording.digest import digest_files
from edge.recording.native import NativeRecording, is_native
from edge.recording.record import record
from edge.recording.writer import RecordingWriter

__all__ = ["NativeRecording", "RecordingWriter", "digest_files", "is_native", "record"]
