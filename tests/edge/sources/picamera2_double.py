"""A double of picamera2, as far as a raw source uses it.

Made from picamera2's sources (picamera2.py, request.py, job.py) and its issues:

- `capture_request(wait=seconds)` raises TimeoutError; `wait=None` blocks for ever;
  `cancel_all_and_flush` ends it with CancelledError.
- Requests are counted references on a fixed set of buffers. Released, a buffer is filled again;
  released once too often, it raises. With no free buffer the sensor's frames are lost without a
  word but a gap of the time stamps. One finished request is kept for the next capture.
- `MappedArray(request, "raw").array` is the buffer itself, uint8, (height, stride).
- The granted format may differ from the requested one: on a Pi 5 ("pisp") packed formats become
  PISP_COMP1, unpacked ones 16 bits with the samples shifted up; on a Pi 4 ("vc4") all are granted.
- SensorTimestamp is CLOCK_BOOTTIME ns at the read-out of the first row.
"""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST_STAMP_NS = 5_000_000_000
_STALE = 0xEE


@dataclass
class Hardware:
    """The machine the double stands for; tests turn its knobs."""

    platform: str = "vc4"
    sensor_format: str = "SRGGB12_CSI2P"
    resolution: tuple[int, int] = (50, 20)
    sizes: tuple[tuple[int, int], ...] = ((50, 20), (24, 10))
    cameras: int = 1
    model: str = "imx477"
    always: str | None = None
    settling: int = 0
    hangs: bool = False
    temperature: float | None = 31.5
    clock_ns: int = FIRST_STAMP_NS
    open: int = 0
    opened: int = 0
    in_use: bool = False
    requested: dict[str, Any] = field(default_factory=dict)
    acquired: int = 0
    released: int = 0
    lost: int = 0
    frames: int = 0
    current: Any = None

    def module(self) -> Any:
        """What `import picamera2` would give."""
        hardware = self

        class Picamera2(_Picamera2):
            def __init__(self, camera_num: int = 0) -> None:
                super().__init__(hardware, camera_num)

            @staticmethod
            def global_camera_info() -> list[dict[str, Any]]:
                return [{"Model": hardware.model, "Num": n} for n in range(hardware.cameras)]

        return SimpleNamespace(Picamera2=Picamera2, MappedArray=_MappedArray)

    def pixels(self, number: int, width: int, height: int, bits: int) -> NDArray[np.uint16]:
        """Samples of frame `number`, as the sensor makes them."""
        ramp = np.arange(width * height, dtype=np.uint32).reshape(height, width)
        return ((ramp * 3 + number * 101) % (1 << bits)).astype(np.uint16)


class _Picamera2:
    def __init__(self, hardware: Hardware, camera_num: int) -> None:
        if hardware.in_use or hardware.open:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        if camera_num >= hardware.cameras:
            raise IndexError("list index out of range")
        self._hw = hardware
        hardware.open += 1
        hardware.opened += 1
        hardware.current = self
        self._config: dict[str, Any] | None = None
        self._started = False
        self._completed: list[_Request] = []
        self._free: list[NDArray[np.uint8]] = []
        self._changed = threading.Condition()
        self._cancelled = False
        self.is_open = True
        self.sensor_format = hardware.sensor_format
        self.sensor_resolution = hardware.resolution
        self.camera_properties = {
            "Model": hardware.model,
            "UnitCellSize": (1550, 1550),
            "PixelArraySize": hardware.resolution,
        }

    @property
    def camera_controls(self) -> dict[str, tuple[Any, Any, Any]]:
        field_of_view = (0, 0, *self._hw.resolution)
        return {
            "AeEnable": (False, True, True),
            "AwbEnable": (False, True, None),
            "ExposureTime": (31, 667_234_896, None),
            "AnalogueGain": (1.0, 22.26, 1.0),
            "FrameDurationLimits": (20_000, 694_434_742, None),
            "ScalerCrop": ((0, 0, 64, 64), field_of_view, field_of_view),
        }

    def create_video_configuration(
        self,
        main: dict[str, Any],
        raw: dict[str, Any],
        buffer_count: int,
        controls: dict[str, Any],
        display: str | None = "main",
        encode: str | None = "main",
        queue: bool = True,
    ) -> dict[str, Any]:
        for stream in (main, raw):
            bad = set(stream) - {"format", "size", "stride", "preserve_ar"}
            if bad:
                raise ValueError(f"Bad key {bad.pop()!r}")
        return {
            "main": {"format": "XBGR8888", **main},
            "raw": dict(raw),
            "buffer_count": buffer_count,
            "controls": dict(controls),
            "display": display,
            "encode": encode,
            "queue": queue,
        }

    def configure(self, config: dict[str, Any]) -> None:
        if self._started:
            raise RuntimeError("Camera must be stopped before configuring")
        for name in config["controls"]:
            if name not in self.camera_controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        for side in (*config["main"]["size"], *config["raw"]["size"]):
            if side % 2:
                raise RuntimeError("width and height should be even")
        self._hw.requested = {**config, "raw": dict(config["raw"])}
        raw = dict(config["raw"])
        raw["size"] = min(self._hw.sizes, key=lambda size: abs(size[0] - raw["size"][0]))
        raw["format"] = self._hw.always or self._granted(raw["format"])
        width, height = raw["size"]
        self._bits = int("".join(c for c in raw["format"].split("_")[0] if c.isdigit()) or 8)
        packed = raw["format"].endswith("CSI2P")
        row = width * self._bits // 8 if packed else width * (2 if self._bits > 8 else 1)
        align = 32 if self._hw.platform == "vc4" else 64
        raw["stride"] = -(-row // align) * align
        self._config = {**config, "raw": raw}
        shape = (height, raw["stride"])
        self._free = [np.full(shape, _STALE, np.uint8) for _ in range(config["buffer_count"])]

    def _granted(self, wanted: str) -> str:
        if self._hw.platform == "vc4":
            return wanted
        mosaic = wanted.rstrip("0123456789")
        if wanted.endswith("CSI2P"):
            return "MONO_PISP_COMP1" if wanted.startswith("R") else "RGGB_PISP_COMP1"
        return wanted if wanted.endswith("8") else f"{mosaic}16"

    def camera_configuration(self) -> dict[str, Any]:
        assert self._config is not None
        return self._config

    def start(self) -> None:
        if self._config is None:
            raise RuntimeError("Camera has not been configured")
        self._started = True

    def stop(self) -> None:
        with self._changed:
            self._started = False
            for request in self._completed:
                request.release()
            self._completed = []

    def close(self) -> None:
        if self.is_open:
            self.stop()
            self.is_open = False
            self._hw.open -= 1

    def cancel_all_and_flush(self) -> None:
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()

    def capture_request(self, wait: float | bool | None = None) -> _Request:
        assert wait not in (None, True), "this would block for ever when the camera hangs"
        with self._changed:
            self._cancelled = False
            if not self._completed and not self._hw.hangs:
                self._tick()
            while not self._completed:
                if not self._changed.wait(wait):
                    raise TimeoutError
                if self._cancelled:
                    raise CancelledError
            return self._completed.pop(0)

    def tick(self, count: int = 1) -> None:
        """Let the sensor make frames that nobody asks for yet."""
        with self._changed:
            for _ in range(count):
                self._tick()

    def _tick(self) -> None:
        assert self._config is not None
        hardware = self._hw
        controls = self._config["controls"]
        exposure_us = controls["ExposureTime"]
        if hardware.frames < hardware.settling:
            exposure_us //= 2
        duration_us = max(20_000, controls["FrameDurationLimits"][0] + 600)
        hardware.clock_ns += 1000 * duration_us
        number, hardware.frames = hardware.frames, hardware.frames + 1
        if not self._free:
            hardware.lost += 1
            return
        buffer = self._free.pop(0)
        self._fill(buffer, number)
        metadata = {
            "SensorTimestamp": hardware.clock_ns,
            "ExposureTime": exposure_us,
            "AnalogueGain": controls["AnalogueGain"],
            "DigitalGain": 1.0,
            "FrameDuration": duration_us,
            "SensorBlackLevels": (4096, 4096, 4096, 4096),
            "Lux": 0.01,
        }
        if hardware.temperature is not None:
            metadata["SensorTemperature"] = hardware.temperature
        self._completed.append(_Request(self, buffer, metadata))
        hardware.acquired += 1
        while len(self._completed) > 1:
            self._completed.pop(0).release()

    def _fill(self, buffer: NDArray[np.uint8], number: int) -> None:
        assert self._config is not None
        raw = self._config["raw"]
        width, height = raw["size"]
        sensor_bits = int("".join(c for c in self.sensor_format.split("_")[0] if c.isdigit()))
        samples = self._hw.pixels(number, width, height, min(sensor_bits, self._bits))
        if self._bits == 16:
            samples = samples << (16 - sensor_bits)
        if raw["format"].endswith("CSI2P"):
            rows = pack12(samples)
        elif self._bits == 8:
            rows = samples.astype(np.uint8)
        else:
            rows = samples.astype("<u2").view(np.uint8)
        buffer[:, : rows.shape[1]] = rows

    def recycle(self, buffer: NDArray[np.uint8]) -> None:
        """Take a buffer back; what it held is gone."""
        buffer[:] = _STALE
        self._hw.released += 1
        self._free.append(buffer)


class _Request:
    def __init__(
        self, camera: _Picamera2, buffer: NDArray[np.uint8], metadata: dict[str, Any]
    ) -> None:
        self._camera = camera
        self._buffer: NDArray[np.uint8] | None = buffer
        self._metadata = metadata
        self._references = 1

    def get_metadata(self) -> dict[str, Any]:
        return dict(self._metadata)

    @property
    def buffer(self) -> NDArray[np.uint8]:
        if self._buffer is None:
            raise RuntimeError("request was released")
        return self._buffer

    def release(self) -> None:
        self._references -= 1
        if self._references < 0:
            raise RuntimeError("CompletedRequest: lock now has negative ref_count")
        buffer, self._buffer = self._buffer, None
        assert buffer is not None
        self._camera.recycle(buffer)


class _MappedArray:
    def __init__(self, request: _Request, stream: str, reshape: bool = True, write: bool = True):
        assert stream == "raw"
        self._request = request
        self.array: NDArray[np.uint8] | None = None

    def __enter__(self) -> _MappedArray:
        self.array = self._request.buffer
        return self

    def __exit__(self, *_: object) -> None:
        self._request.buffer  # noqa: B018  must not have been released yet
        self.array = None


def pack12(samples: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """MIPI RAW12: two high bytes, then the low nibbles, the first pixel's below."""
    first, second = samples[:, 0::2], samples[:, 1::2]
    packed = np.empty((samples.shape[0], first.shape[1], 3), np.uint8)
    packed[..., 0], packed[..., 1] = first >> 4, second >> 4
    packed[..., 2] = (first & 15) | ((second & 15) << 4)
    return packed.reshape(samples.shape[0], -1)
