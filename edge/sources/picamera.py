"""A Raspberry Pi camera by picamera2: `picamera:?exposure_ms=100&gain=8&mode=2028x1520`."""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edge.errors import Failed
from edge.frame import BadFrame, Frame, Origin, SensorMode
from edge.sources.options import parse_options
from edge.sources.picamera_session import Session, Wanted, open_session
from edge.sources.retry import Backoff

_log = logging.getLogger(__name__)

_MODE = re.compile(r"^(\d+)x(\d+)(?:-(8|10|12|14|16))?$")
# A camera that has given nothing after so many restarts never will in this process.
_FRUITLESS_RESTARTS = 3
# Frames at the start whose exposure or gain isn't yet the one that was asked for.
_SETTLING_FRAMES = 10
_SETTLED = 0.05


@dataclass(frozen=True, slots=True)
class PicameraOptions:
    """Options of a `picamera:` URL.

    Attributes
    ----------
    camera : int
        Number of the camera.
    exposure_ms : float
        Fixed exposure; frames follow one another as closely as the sensor allows.
    gain : float
        Fixed analogue gain.
    mode : str
        Raw size, with bits where wanted: "2028x1520" or "1332x990-10". Empty: the whole sensor
        at its full depth.
    buffers : int
        Frames the camera may fill before they are read, 4 or more.
    """

    camera: int = 0
    exposure_ms: float = 100.0
    gain: float = 8.0
    mode: str = ""
    buffers: int = 6

    def __post_init__(self) -> None:
        if self.exposure_ms <= 0 or self.gain < 1:
            raise ValueError("exposure_ms must be above 0 and gain 1 or more")
        if self.camera < 0 or self.buffers < 4:
            raise ValueError("camera must be 0 or more and buffers 4 or more")
        if self.mode and not _MODE.match(self.mode):
            raise ValueError(f'mode: expected such as 2028x1520 or 1332x990-10, got "{self.mode}"')

    @property
    def wanted(self) -> Wanted:
        """What the camera is asked for."""
        match = _MODE.match(self.mode)
        size = (int(match[1]), int(match[2])) if match else None
        bits = int(match[3]) if match and match[3] else None
        exposure_us = round(self.exposure_ms * 1000)
        return Wanted(self.camera, size, bits, exposure_us, self.gain, self.buffers)


def open_picamera(
    options: Mapping[str, str], load: Callable[[], Any] | None = None
) -> PicameraSource:
    """Open a camera.

    Parameters
    ----------
    options : mapping of str to str
        Of the URL; see `PicameraOptions`.
    load : callable, optional
        Gives the module picamera2.

    Raises
    ------
    BadUse
        A wrong option.
    Failed
        picamera2 is missing, there is no such camera, it is in use, or it grants no lossless raw.
    """
    return PicameraSource(parse_options(options, PicameraOptions, "picamera:"), load)


class PicameraSource:
    """Implements `edge.frame.FrameSource`; frames are leases on the camera's own buffers.

    `sensor_time_ns` is the start of exposure of the first row. picamera2's SensorTimestamp
    (CLOCK_BOOTTIME) is the moment that row is read out, the end of its exposure, so the exposure
    is taken off. Frames that never came show as gaps of the time stamps against the frame
    duration, and as gaps of the sequence. A camera that stops answering is opened anew.

    Attributes
    ----------
    faults : Counter of str
        "timeout", "capture_failed", "restarted", "open_failed", "settling".
    """

    def __init__(
        self,
        options: PicameraOptions,
        load: Callable[[], Any] | None = None,
        backoff: Backoff | None = None,
        timeout_s: float | None = None,
    ) -> None:
        self.faults: Counter[str] = Counter()
        self._wanted = options.wanted
        self._load = load or _import_picamera2
        self._backoff = backoff or Backoff()
        self._timeout_s = timeout_s or max(5.0, 3 * options.exposure_ms / 1000 + 2)
        self._closed = threading.Event()
        self._sequence = -1
        self._last_start_ns: int | None = None
        self._mode: SensorMode | None = None
        self._session: Session | None = self._open()
        self._reading = False

    @property
    def name(self) -> str:
        """URL-like name for logs."""
        return f"picamera:{self._wanted.number}"

    @property
    def origin(self) -> Origin:
        """Always "camera"."""
        return "camera"

    @property
    def mode(self) -> SensorMode | None:
        """None until the first frame."""
        return self._mode

    @property
    def pushes_back(self) -> bool:
        """A camera doesn't wait."""
        return False

    def close(self) -> None:
        """Stop; the camera is closed once its last lease is back."""
        self._closed.set()
        session = self._session
        if session is not None:
            session.wake()
            if not self._reading:
                session.close()

    def frames(self) -> Iterator[Frame | BadFrame]:
        """Yield frames until closed; raises Failed when only a new process can help."""
        self._reading = True
        fruitless = 0
        try:
            while not self._closed.is_set() and self._session is not None:
                request = self._capture(self._session)
                if request is not None:
                    frame = self._frame(self._session, request)
                    if frame is not None:
                        fruitless = 0
                        self._backoff.reset()
                        yield frame
                elif not self._closed.is_set():
                    fruitless += 1
                    if fruitless > _FRUITLESS_RESTARTS:
                        raise Failed(
                            f"{self.name}: no frame after {_FRUITLESS_RESTARTS} restarts of the "
                            "camera; check its cable and power, then start the program again"
                        )
                    self._restart()
        finally:
            self._reading = False
            if self._session is not None:
                self._session.close()

    def _open(self) -> Session:
        return open_session(self._load(), self.name, self._wanted)

    def _capture(self, session: Session) -> Any | None:
        """Next completed request; None after a fault or when closed."""
        try:
            return session.capture(self._timeout_s)
        except TimeoutError:
            if not self._closed.is_set():
                self.faults["timeout"] += 1
                _log.warning("%s: no frame for %.0f s", self.name, self._timeout_s)
        except Exception as error:  # picamera2 raises RuntimeError and what its event loop meets
            if not self._closed.is_set():
                self.faults["capture_failed"] += 1
                _log.warning("%s: capture failed: %s", self.name, error)
        return None

    def _restart(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
        while not self._backoff.wait(self._closed):
            try:
                self._session = self._open()
            except Failed as error:
                self.faults["open_failed"] += 1
                _log.warning("%s", error)
                continue
            self.faults["restarted"] += 1
            return

    def _frame(self, session: Session, request: Any) -> Frame | BadFrame | None:
        """Frame of a request; None while the camera settles."""
        metadata = request.get_metadata()
        if self._mode is None:
            if not self._settled(metadata) and self.faults["settling"] < _SETTLING_FRAMES:
                self.faults["settling"] += 1
                request.release()
                return None
            self._mode = session.mode(metadata)
        exposure_ns = 1000 * int(metadata.get("ExposureTime", self._wanted.exposure_us))
        start_ns = self._place(metadata, exposure_ns)
        try:
            pixels, release = session.lend(request)
        except Exception as error:  # a buffer of another size than the stream's, a lost mapping
            detail = f"{self.name}: its buffer can't be read ({error})"
            return BadFrame(self._sequence, self._sequence, "unreadable", detail)
        temperature = metadata.get("SensorTemperature")
        return Frame(
            pixels=pixels,
            sequence=self._sequence,
            index=self._sequence,
            mode=self._mode,
            sensor_time_ns=start_ns,
            exposure_ns=exposure_ns,
            temperature_c=None if temperature is None else float(temperature),
            release=release,
        )

    def _settled(self, metadata: Mapping[str, Any]) -> bool:
        exposure_us = float(metadata.get("ExposureTime", self._wanted.exposure_us))
        gain = float(metadata.get("AnalogueGain", self._wanted.gain))
        return (
            abs(exposure_us / self._wanted.exposure_us - 1) < _SETTLED
            and abs(gain / self._wanted.gain - 1) < _SETTLED
        )

    def _place(self, metadata: Mapping[str, Any], exposure_ns: int) -> int | None:
        """Start of exposure; moves the sequence on by this frame and those missing before it."""
        stamp = metadata.get("SensorTimestamp")
        missing = 0
        start_ns = None if stamp is None else int(stamp) - exposure_ns
        duration_ns = 1000 * int(metadata.get("FrameDuration", 0))
        if start_ns is not None:
            if self._last_start_ns is not None and duration_ns > 0:
                missing = round((start_ns - self._last_start_ns) / duration_ns) - 1
            self._last_start_ns = start_ns
        self._sequence += 1 + max(0, missing)
        return start_ns


def _import_picamera2() -> Any:
    try:
        import picamera2
    except ImportError as error:
        raise Failed(
            "picamera: picamera2 is missing; on Raspberry Pi OS: sudo apt install "
            "python3-picamera2, and make the venv with --system-site-packages"
        ) from error
    return picamera2
