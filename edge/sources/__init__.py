"""Where frames come from, chosen by URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.frame import FrameSource, Recording

__all__ = ["open_recording", "open_source"]


def open_source(url: str) -> FrameSource:
    """Open the source a URL names (`sim:`, `webcam:`, `picamera:`, `recording:` or a path).

    Raises
    ------
    BadUse
        Unknown scheme or option, no such recording.
    Failed
        The camera or file can't be opened.
    """
    from edge.sources.url import parse_source_url

    source = parse_source_url(url)
    if source.scheme == "sim":
        from edge.sources.simulated import open_simulated

        return open_simulated(source.options)
    if source.scheme == "webcam":
        from edge.sources.webcam import open_webcam

        return open_webcam(source.target, source.options)
    if source.scheme == "picamera":
        from edge.sources.picamera import open_picamera

        return open_picamera(source.options)
    from edge.sources.playback import open_playback

    return open_playback(source.target, source.options)


def open_recording(path: str | Path) -> Recording:
    """Open what lies at `path`: a native recording, a folder of files, or one file.

    Raises
    ------
    BadUse
        Nothing there, or a folder without frames.
    Failed
        It is there but can't be read.
    """
    from edge.errors import BadUse
    from edge.sources.folder import open_file, open_folder

    place = Path(path)
    if place.name == "recording.toml":
        place = place.parent
    if (place / "recording.toml").is_file():
        from edge.recording.native import NativeRecording

        return NativeRecording(place)
    if place.is_dir():
        return open_folder(place)
    if not place.is_file():
        raise BadUse(f"{path}: no such recording; expected a file or a folder")
    return open_file(place)
