"""A V4L2 device opened and set up by OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edge.errors import Failed
from edge.sources.quiet import quiet_opencv

# OpenCV's numbers of capture properties, which are part of its interface.
_WIDTH, _HEIGHT, _FPS, _EXPOSURE, _AUTO_EXPOSURE, _BUFFERS = 3, 4, 5, 15, 21, 38
_V4L2_MANUAL = 1
_V4L2_EXPOSURES_PER_MS = 10


class VideoDevice(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def grab(self) -> bool:
        """Wait for the next frame."""

    def retrieve(self) -> tuple[bool, Any]:
        """Decode the frame that was grabbed, into memory of its own."""

    def get(self, prop: int) -> float:
        """Read a property."""

    def release(self) -> None:
        """Give the device back."""


@dataclass(frozen=True, slots=True)
class WebcamOptions:
    """Options of a `webcam:` URL; None leaves the driver's choice.

    Attributes
    ----------
    width, height : int or None
        Of the frame, in pixels.
    fps : float or None
        Frames in a second.
    exposure_ms : float or None
        Fixed exposure ("exposure" for short); None leaves automatic exposure on.
    """

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    exposure_ms: float | None = None

    def __post_init__(self) -> None:
        for name in ("width", "height", "fps", "exposure_ms"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be above 0, not {value:g}")


def open_device(name: str, device: Path, options: WebcamOptions) -> VideoDevice:
    """Open and set up a V4L2 device; raises Failed."""
    import cv2

    if not device.exists():
        others = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*")))
        hint = f"; there are {others}" if others else "; no camera is connected"
        raise Failed(f"{name}: there is no {device}{hint}")
    with quiet_opencv():
        capture = cv2.VideoCapture(str(device), cv2.CAP_V4L2)
    if not capture.isOpened():
        capture.release()
        raise Failed(f"{name}: {device} can't be opened; is another program using it?")
    wanted = [
        (_WIDTH, options.width),
        (_HEIGHT, options.height),
        (_FPS, options.fps),
        # Old frames waiting in the driver would get the time of a new one.
        (_BUFFERS, 2),
    ]
    if options.exposure_ms is not None:
        wanted += [
            (_AUTO_EXPOSURE, _V4L2_MANUAL),
            (_EXPOSURE, options.exposure_ms * _V4L2_EXPOSURES_PER_MS),
        ]
    for prop, value in wanted:
        if value is not None:
            capture.set(prop, value)
    return capture


def sensor_name(device: Path) -> str:
    """Name of the camera as the kernel gives it."""
    try:
        return Path(f"/sys/class/video4linux/{device.name}/name").read_text().strip()
    except OSError:
        return ""
