"""Recordings in memory: dark frames in which one place lights at stated times."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.rule import Image
from edge.frame import BadFrame, Frame, Origin, SensorMode, Series

CALM_FRAMES = 500
"""Dark frames before the first light: what is calibrated on knows nothing of the pixel."""

EXPORT_PERIOD_S = 0.56
BLINK_BITS = 10
_HEIGHT_PX, _WIDTH_PX = 48, 64
_BLACK_ADU, _NOISE_ADU = 64.0, 2.0
_BLINK_SIGMA = 40.0
_ALIKE = 0.86
_DARK_ADU = 20
_EDGE_PX = 4
"""Pixels of an export's crop this close to its border show the phone's noise alone."""


@dataclass(frozen=True, slots=True, eq=False)
class LitSeries:
    """Frames made one by one, the same on every pass.

    Attributes
    ----------
    mode : SensorMode
    times : sequence of (int, int or None)
        Number of each frame on the camera's counter, and the picture that is put in.
    noise : ndarray
        Values that the dark pixels are drawn from.
    pictures : sequence of ndarray
        What a lit frame shows in its middle.
    """

    mode: SensorMode
    times: Sequence[tuple[int, int | None]]
    noise: Image
    pictures: Sequence[Image]
    name: str = ""

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self.times)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame | BadFrame]:
        """Yield frames in order."""
        duration_ns = self.mode.frame_duration_ns or 0
        for index in range(self.count)[start:stop]:
            sequence, picture = self.times[index]
            yield Frame(
                self._pixels(index, picture),
                sequence,
                index,
                self.mode,
                sensor_time_ns=sequence * duration_ns,
                exposure_ns=self.mode.exposure_ns or 0,
                origin="recording",
            )

    def _pixels(self, index: int, picture: int | None) -> Image:
        random = np.random.Generator(np.random.Philox(key=[1, index]))
        pixels = self.noise[random.integers(len(self.noise), size=(_HEIGHT_PX, _WIDTH_PX))]
        if picture is not None:
            shown = self.pictures[picture]
            height, width = shown.shape
            y0, x0 = (_HEIGHT_PX - height) // 2, (_WIDTH_PX - width) // 2
            pixels[y0 : y0 + height, x0 : x0 + width] = shown
        return pixels


@dataclass(frozen=True, slots=True, eq=False)
class LitRecording:
    """Implements `edge.frame.Recording` over one such series."""

    lit: LitSeries
    path: str = "a lit pixel"
    origin: Origin = "recording"
    warnings: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of what the frames are made of."""
        return hashlib.sha256(repr(self.lit.times).encode()).hexdigest()

    @property
    def frame_s(self) -> float:
        """Time from one frame to the next."""
        return (self.lit.mode.frame_duration_ns or 0) * 1e-9

    @property
    def lightings(self) -> int:
        """Frames in which the place is lit."""
        return sum(picture is not None for _, picture in self.lit.times)

    def series(self) -> list[Series]:
        """Its one series."""
        return [self.lit]


def export_frames(
    folder: Path, *, own_times: bool = False, others: bool = True, most: int | None = None
) -> LitRecording:
    """The detections of an export, in the order of their times, put into dark frames.

    Between them lies a dark frame each. The phone's noise is taken from the crops' own borders.

    Parameters
    ----------
    folder : Path
        With the export's JSON files: ``detections`` of 20 x 20 px, brightest pixel in the middle.
    own_times : bool
        True: at their own times, several within 0.28 s as one, pauses of hours as they were;
        False: one in 0.56 s, as they come on average while the phone runs.
    others : bool
        False: leave out what does not show the hot pixel alone (`shows_pixel_alone`).
    most : int, optional
        The first so many detections alone.
    """
    found = sorted(_detections(folder), key=lambda one: one[0])[:most]
    crops = [crop for _, crop in found]
    if not others:
        alone = shows_pixel_alone(crops)
        found = [one for one, yes in zip(found, alone, strict=True) if yes]
        crops = [crop for _, crop in found]
    edges = np.ones(crops[0].shape, np.bool_)
    edges[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX] = False
    # Other pixels of the phone were hot as well, now and then: they are no noise.
    border = np.concatenate([crop[edges] for crop in crops])
    noise = border[border <= np.quantile(border, 0.999)]
    step_s = EXPORT_PERIOD_S / 2
    numbers = [2 * i + 1 for i in range(len(crops))]
    if own_times:
        first_ms = found[0][0]
        numbers = [2 * round((ms - first_ms) / 1e3 / EXPORT_PERIOD_S) + 1 for ms, _ in found]
    lit = {CALM_FRAMES + number: i for i, number in enumerate(numbers)}
    times: list[tuple[int, int | None]] = [(i, None) for i in range(CALM_FRAMES)]
    for number in sorted(lit):
        times += [(number - 1, None), (number, lit[number])]
    return LitRecording(LitSeries(_mode("phone", 8, step_s), times, noise, crops))


def shows_pixel_alone(crops: Sequence[Image]) -> NDArray[np.bool_]:
    """Which crops of an export show what nearly all do, and nothing else.

    A phone sends its particles too: some of the export's crops are tracks and spots of another
    shape, and in some a second thing is lit beside the hot pixel. A crop shows the hot pixel alone
    when its middle 5 x 5 px are like those of the median crop (cosine of 0.86 or more) and no
    pixel outside them (2 px, what all hits are matched by) is brighter than 20.
    """
    stack = np.stack(crops).astype(np.float64)
    middle = stack.shape[1] // 2
    near = np.s_[:, middle - 2 : middle + 3, middle - 2 : middle + 3]
    usual = np.median(stack, axis=0)[near[1:]].ravel()
    shown = stack[near].reshape(len(stack), -1)
    length = np.linalg.norm(shown, axis=1) * np.linalg.norm(usual)
    like = shown @ usual / np.maximum(length, 1e-9)
    around = stack.copy()
    around[near] = 0
    return np.asarray((like >= _ALIKE) & (around.max(axis=(1, 2)) <= _DARK_ADU))


def blinking(period_s: float, count: int) -> LitRecording:
    """A pixel that lights for one frame every `period_s`, `count` times, in plain noise."""
    step_s = min(period_s / 2, 1.0)
    each = round(period_s / step_s)
    noise = np.rint(np.random.default_rng(1).normal(_BLACK_ADU, _NOISE_ADU, 1 << 16)).astype(
        np.uint16
    )
    bright = np.full((1, 1), round(_BLACK_ADU + _BLINK_SIGMA * _NOISE_ADU), np.uint16)
    times: list[tuple[int, int | None]] = [
        (i, 0 if i > CALM_FRAMES and (i - CALM_FRAMES) % each == 0 else None)
        for i in range(CALM_FRAMES + each * count + each)
    ]
    return LitRecording(LitSeries(_mode("blinking", BLINK_BITS, step_s), times, noise, [bright]))


def _mode(sensor: str, bit_depth: int, step_s: float) -> SensorMode:
    step_ns = round(step_s * 1e9)
    return SensorMode(
        sensor,
        _WIDTH_PX,
        _HEIGHT_PX,
        bit_depth,
        exposure_ns=step_ns * 99 // 100,
        frame_duration_ns=step_ns,
        pixel_pitch_um=1.4,
    )


def _detections(folder: Path) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Time in ms and grey picture of each detection."""
    import cv2

    files = sorted(folder.glob("*.json"))
    if not files:
        raise ValueError("no JSON file there")
    for file in files:
        for one in json.loads(file.read_text(encoding="utf-8"))["detections"]:
            raw = np.frombuffer(base64.b64decode(one["frame_content"]), np.uint8)
            picture = cv2.imdecode(raw, cv2.IMREAD_COLOR)
            if picture is None:
                raise ValueError(f"{file.name}: detection {one.get('id')} holds no picture")
            grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
            yield int(one["timestamp"]), np.asarray(grey, np.uint8)
