"""One opened Pi camera: set up for unpacked raw, its buffers lent and taken back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge.errors import Failed
from edge.frame import Pixels, SensorMode
from edge.sources.raw_format import RawFormat, is_lossy, parse_raw_format, unpacked_name

# picamera2 keeps one finished request for the next capture, and the camera needs one to fill.
_NOT_LENT = 2
# Their rows are all exposed at once.
_GLOBAL_SHUTTER = frozenset({"imx296", "ov7251", "ov9281", "ov9782"})
# A stream that picamera2 insists on beside the raw one; kept small.
_MAIN_SIZE = (640, 480)
# How much longer than the exposure a frame may last.
_SLACK_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a camera is asked for.

    Attributes
    ----------
    number : int
        Of the camera.
    size_px : tuple of int or None
        Width and height of the raw frame; None: the whole sensor.
    bits : int or None
        Depth of the raw frame; None: the sensor's full depth.
    exposure_us : int
        Fixed exposure.
    gain : float
        Fixed analogue gain.
    buffers : int
        Frames the camera may fill before they are read.
    """

    number: int
    size_px: tuple[int, int] | None
    bits: int | None
    exposure_us: int
    gain: float
    buffers: int


class Session:
    """An open, running camera."""

    def __init__(self, module: Any, camera: Any, raw: RawFormat, buffers: int) -> None:
        self._module = module
        self._camera = camera
        self._raw = raw
        config = camera.camera_configuration()["raw"]
        self._width, self._height = config["size"]
        self._lendable = buffers - _NOT_LENT
        self._out: set[contextlib.ExitStack] = set()
        self._closing = False
        self._closed = False
        self._lock = threading.Lock()

    def capture(self, timeout_s: float) -> Any:
        """Take the next completed request; raises TimeoutError."""
        try:
            return self._camera.capture_request(wait=timeout_s)
        except TimeoutError:
            # Else the job would take the next frame and nobody would give it back.
            self._camera.cancel_all_and_flush()
            raise

    def wake(self) -> None:
        """End a capture that waits in another thread."""
        with contextlib.suppress(Exception):
            self._camera.cancel_all_and_flush()

    def lend(self, request: Any) -> tuple[Pixels, Callable[[], None]]:
        """Pixels of a request, and what gives them back.

        A view of the camera's own buffer; when nearly all buffers are out, a copy, so that the
        camera never runs dry. `request.release` is called in each case, once.
        """
        lease = contextlib.ExitStack()
        try:
            lease.callback(request.release)
            mapped = lease.enter_context(self._module.MappedArray(request, "raw"))
            pixels = self._raw.view(mapped.array, self._width, self._height)
            with self._lock:
                lent = len(self._out) < self._lendable
                if lent:
                    self._out.add(lease)
            if not lent:
                pixels = pixels.copy()
                lease.close()
        except BaseException:
            lease.close()
            raise
        pixels.flags.writeable = False
        return pixels, (lambda: self._take_back(lease)) if lent else lease.close

    def mode(self, metadata: Mapping[str, Any]) -> SensorMode:
        """Sensor mode, with exposure, gain and black level as the first frame has them.

        `row_time_ns` is an upper bound, the shortest frame duration of the mode over its rows:
        libcamera doesn't make the true one public, and blanking makes it a few per cent less.
        """
        properties = getattr(self._camera, "camera_properties", {})
        sensor = str(properties.get("Model", ""))
        gain = metadata.get("AnalogueGain")
        return SensorMode(
            sensor,
            self._width,
            self._height,
            self._raw.bit_depth,
            exposure_ns=_ns(metadata.get("ExposureTime")),
            frame_duration_ns=_ns(metadata.get("FrameDuration")),
            row_time_ns=0 if sensor in _GLOBAL_SHUTTER else self._row_time_ns(),
            gain=None if gain is None else round(float(gain), 3),
            black_level_adu=self._black_level_adu(metadata),
            cfa=self._raw.cfa,
            packing=self._raw.packing,
            pixel_pitch_um=self._pixel_pitch_um(properties),
            sensor_clock=metadata.get("SensorTimestamp") is not None,
        )

    def close(self) -> None:
        """Stop and close the camera, after the last lease is back; idempotent."""
        with self._lock:
            self._closing = True
            idle = not self._out
        if idle:
            self._shut()

    def _take_back(self, lease: contextlib.ExitStack) -> None:
        lease.close()
        with self._lock:
            self._out.discard(lease)
            idle = self._closing and not self._out
        if idle:
            self._shut()

    def _shut(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        # A camera that failed may fail again here; there is nothing more to lose.
        for step in (self._camera.stop, self._camera.close):
            with contextlib.suppress(Exception):
                step()

    def _black_level_adu(self, metadata: Mapping[str, Any]) -> float | None:
        """Mean of the channels; libcamera states them at 16 bits whatever the depth."""
        levels = metadata.get("SensorBlackLevels")
        if not levels:
            return None
        return float(sum(levels) / len(levels)) / (1 << (16 - self._raw.bit_depth))

    def _row_time_ns(self) -> int:
        limits = self._camera.camera_controls.get("FrameDurationLimits")
        return round(limits[0] * 1000 / self._height) if limits else 0

    def _pixel_pitch_um(self, properties: Mapping[str, Any]) -> float | None:
        cell_nm = properties.get("UnitCellSize")
        if not cell_nm or not cell_nm[0]:
            return None
        # Native pixels across the mode's field, so that binned pixels count as large as they are.
        crop = self._camera.camera_controls.get("ScalerCrop")
        binning = crop[1][2] / self._width if crop else 1.0
        return float(cell_nm[0]) / 1000 * max(1.0, round(binning))


def open_session(module: Any, name: str, wanted: Wanted) -> Session:
    """Open, set up and start a camera; raises Failed with one clear line."""
    connected = len(module.Picamera2.global_camera_info())
    if wanted.number >= connected:
        raise Failed(f"{name}: there is no camera {wanted.number}; {connected} connected")
    try:
        camera = module.Picamera2(wanted.number)
    except Exception as error:  # RuntimeError, IndexError, whatever libcamera raises
        raise Failed(f"{name}: can't be opened ({error}); is another program using it?") from error
    try:
        raw = _set_up(camera, name, wanted)
        camera.start()
    except Exception as error:
        with contextlib.suppress(Exception):
            camera.close()
        if isinstance(error, Failed):
            raise
        raise Failed(f"{name}: can't be set up ({error})") from error
    return Session(module, camera, raw, wanted.buffers)


def _set_up(camera: Any, name: str, wanted: Wanted) -> RawFormat:
    raw_format = unpacked_name(str(camera.sensor_format), wanted.bits)
    size = wanted.size_px or tuple(camera.sensor_resolution)
    config = camera.create_video_configuration(
        main={"size": (min(_MAIN_SIZE[0], size[0]), min(_MAIN_SIZE[1], size[1]))},
        raw={"format": raw_format, "size": size},
        buffer_count=wanted.buffers,
        controls=_controls(camera, wanted),
        display=None,
        encode=None,
    )
    camera.configure(config)
    granted = camera.camera_configuration()["raw"]
    text = str(granted["format"])
    if is_lossy(text):
        raise Failed(
            f"{name}: asked for {raw_format}, the camera grants only {text}, which is lossy; "
            "choose another mode= (unpacked raw of this sensor)"
        )
    if tuple(granted["size"]) != tuple(size):
        found = "x".join(map(str, granted["size"]))
        raise Failed(f"{name}: has no mode {size[0]}x{size[1]}; the nearest is mode={found}")
    try:
        return parse_raw_format(text)
    except ValueError as error:
        raise Failed(f"{name}: {error}; choose another mode=") from error


def _controls(camera: Any, wanted: Wanted) -> dict[str, Any]:
    """Fixed exposure and gain; a covered camera's automatics would wander up to their limits."""
    controls = {
        "AeEnable": False,
        "AwbEnable": False,
        "ExposureTime": wanted.exposure_us,
        "AnalogueGain": wanted.gain,
        "FrameDurationLimits": (wanted.exposure_us, wanted.exposure_us + _SLACK_US),
    }
    return {key: value for key, value in controls.items() if key in camera.camera_controls}


def _ns(microseconds: Any) -> int | None:
    return None if microseconds is None else 1000 * int(microseconds)
