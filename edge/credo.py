"""The `credo` preset: which frames and pixels CREDO Detector 1.3 would take.

The rules are read from the app's source (credo-science/credo-detector-android, master e33e13e,
``CameraPreviewCallbackNative.kt``): one global threshold, the brightest pixel of a covered frame
first, its crop blanked, again. Where the app is at fault this differs, each time as `DEPARTURES`
says. The product's own vetoes and hold are off under this preset.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edge.crop import DEFAULT_SIZE_PX, crop
from edge.detection import Candidate
from edge.frame import Pixels

CALIBRATION_FRAMES = 500
"""Covered frames an autocalibration takes."""

MAX_PASSES = 5
"""Candidates of one frame at most."""

_LUMA_BITS = 8
# Half a count of rounding, as a standard deviation: no frame is less noisy than its digits.
_DIGIT_NOISE = math.sqrt(1.0 / 12.0)


class Departure(NamedTuple):
    """Where the preset differs from the app, and why."""

    name: str
    app: str
    ours: str
    why: str


DEPARTURES: tuple[Departure, ...] = (
    Departure(
        "luma",
        "reads a stored Y of 128 or more one too low (Y < 0 gives Y + 255) when it cuts the crop",
        "keeps every count as it is (Y + 256)",
        "the app's own decision reads the right Y; only its pictures are off",
    ),
    Departure(
        "calibrate_first",
        "sends hits from the first frame on, with its default thresholds",
        "nothing triggers before the calibration is done",
        "hits of uncalibrated thresholds can't be compared with later ones",
    ),
    Departure(
        "calibration_length",
        "calibrates after more than 500 covered frames, at the next flush of its totals (60 s)",
        "calibrates on exactly the first 500 covered frames, or all of a shorter recording",
        "the thresholds must not depend on the time of day of a flush",
    ),
    Departure(
        "calibration_mean",
        "since 2024-10 averages the last flushed minute alone (its list of samples is shadowed)",
        "averages all covered frames of the calibration",
        "it is what the formula says",
    ),
    Departure(
        "mean_once",
        "measures mean and blacks again after blanking, and reports those with later hits",
        "measures both once, before the first crop is blanked",
        "a later hit would claim a darker frame than was seen; the decision is the same either way",
    ),
    Departure(
        "passes",
        "states 5 hits a frame at most, but its loop starts at -1 and makes 6 passes",
        "makes 5 passes",
        "the stated number is the meant one",
    ),
    Departure(
        "blank_a_copy",
        "blanks the crop in the camera's own buffer",
        "blanks a copy",
        "a frame is shared, and nobody downstream may see black holes in it",
    ),
    Departure(
        "grey_crop",
        "cuts an RGBA picture that mixes chroma in",
        "cuts the raw counts the decision was made on",
        "colour is no part of a hit, and raw counts are three times smaller",
    ),
    Departure(
        "deep_frames",
        "knows 8-bit previews only",
        "decides on the upper 8 bits of each raw pixel (a Bayer mosaic's too), crops raw counts",
        "the thresholds are counts of 255; what the sensor measured is not thrown away",
    ),
    Departure(
        "crop_size",
        "cuts and blanks 128 px since 2021-04",
        "cuts and blanks 60 px unless told otherwise",
        "the public labelled hits are 60 px, and so is what models read",
    ),
    Departure(
        "small_frames",
        "crashes on a frame smaller than the crop",
        "cuts what there is",
        "a small sensor is no fault",
    ),
)
"""Every difference of the rules from CREDO Detector 1.3.4, each shown by a test."""


@dataclass(frozen=True, slots=True)
class CredoThresholds:
    """The app's four numbers, in counts of an 8-bit luma; the defaults are the app's.

    Attributes
    ----------
    average : int
        A frame is covered when its mean lies below this, and
    black, black_count_permille : int
        at least this many per mille of its pixels are at or below `black`.
    max_ : int
        A pixel is a hit when it lies above this.
    """

    average: int = 40
    black: int = 40
    black_count_permille: int = 999
    max_: int = 120


@dataclass(frozen=True, slots=True, eq=False)
class CredoScan:
    """What one frame gave.

    Attributes
    ----------
    mean, max_ : float, int
        Mean and largest value of the 8-bit luma, before anything was blanked.
    blacks_permille : float
        Per mille of the pixels at or below the black threshold.
    covered : bool
        Whether the frame may be looked at for hits.
    candidates : tuple of Candidate
        One for each pass, brightest first; empty while uncalibrated.
    """

    mean: float
    max_: int
    blacks_permille: float
    covered: bool
    candidates: tuple[Candidate, ...] = ()


class CredoCalibrator:
    """The app's autocalibration: means over the first covered frames.

    Feed it scans made without thresholds (their cover is judged by the app's defaults); once it
    has seen enough covered ones it keeps its answer.
    """

    def __init__(self, frames: int = CALIBRATION_FRAMES) -> None:
        self._wanted = frames
        self._covered = 0
        self._sum_mean = 0.0
        self._sum_max = 0
        self._thresholds: CredoThresholds | None = None

    @property
    def covered(self) -> int:
        """Covered frames taken so far."""
        return self._covered

    @property
    def thresholds(self) -> CredoThresholds | None:
        """The calibrated thresholds, once there are enough frames."""
        return self._thresholds

    def add(self, scan: CredoScan) -> CredoThresholds | None:
        """Take one frame in; the thresholds as soon as they are known, None before."""
        if self._thresholds is None and scan.covered:
            self._covered += 1
            self._sum_mean += scan.mean
            self._sum_max += scan.max_
            if self._covered >= self._wanted:
                self._thresholds = self.finish()
        return self._thresholds

    def finish(self) -> CredoThresholds | None:
        """Thresholds from the frames there were, for a recording shorter than a calibration."""
        if self._covered == 0:
            return None
        return calibrated(self._sum_mean / self._covered, self._sum_max / self._covered)


def calibrated(mean: float, mean_max: float) -> CredoThresholds:
    """Thresholds from the mean of the frames' means and of their maxima, by the app's formulas.

    average = black = clamp(mean + 20, 10, 60); max = clamp(max(3 · mean of maxima, 80), average,
    160); fractions are cut off, as the app does.
    """
    average = _clamp(int(mean + 20), 10, 60)
    return CredoThresholds(
        average=average, black=average, max_=_clamp(max(int(mean_max * 3), 80), average, 160)
    )


def _clamp(value: int, low: int, high: int) -> int:
    return max(min(value, high), low)


def scan(
    pixels: Pixels,
    bit_depth: int,
    thresholds: CredoThresholds | None = None,
    crop_size_px: int = DEFAULT_SIZE_PX,
) -> CredoScan:
    """Judge one frame as the app would.

    Parameters
    ----------
    pixels : ndarray, shape (height, width), uint8 or uint16
        Unpacked frame; left as it is.
    bit_depth : int
        Its significant bits, 8 to 16.
    thresholds : CredoThresholds or None
        None: not calibrated yet; cover is judged by the app's defaults and nothing triggers.
    crop_size_px : int
        60, as the app's labelled hits have, or 128, as it cuts now.

    Returns
    -------
    CredoScan
        A candidate's pixels are those of its crop above the threshold that no earlier pass took;
        its excess is over the frame's mean, its significance in the frame's standard deviation,
        since the app knows no baseline and no noise of a single pixel.

    Raises
    ------
    ValueError
        If the frame is empty or its depth is not 8 to 16 bits.
    """
    if pixels.size == 0:
        raise ValueError("an empty frame has no mean")
    if not _LUMA_BITS <= bit_depth <= 16:
        raise ValueError(f"a frame has 8 to 16 bits, not {bit_depth}")
    limits = thresholds or CredoThresholds()
    shift = bit_depth - _LUMA_BITS
    luma = pixels >> shift if shift else pixels
    mean = int(np.sum(luma, dtype=np.int64)) / luma.size
    blacks_permille = int(np.count_nonzero(luma <= limits.black)) * 1000 / luma.size
    brightest = int(luma.max())
    covered = mean < limits.average and blacks_permille >= limits.black_count_permille
    candidates: tuple[Candidate, ...] = ()
    if thresholds is not None and covered and brightest > limits.max_:
        candidates = _passes(pixels, (limits.max_ + 1) << shift, crop_size_px)
    return CredoScan(mean, brightest, blacks_permille, covered, candidates)


def _passes(pixels: Pixels, lowest_adu: int, crop_size_px: int) -> tuple[Candidate, ...]:
    """Take the brightest pixel, blank its crop in a copy, again.

    A deep frame's brightest pixel is the brightest in raw counts, which is also one of the
    brightest in its upper 8 bits.
    """
    left = pixels.copy()
    mean = float(np.mean(pixels, dtype=np.float64))
    noise = max(float(np.std(pixels, dtype=np.float64)), _DIGIT_NOISE)
    candidates: list[Candidate] = []
    for _ in range(MAX_PASSES):
        row, col = np.unravel_index(int(np.argmax(left)), left.shape)
        if left[row, col] < lowest_adu:
            break
        cut = crop(pixels, int(row), int(col), crop_size_px)
        height, width = cut.pixels.shape
        window = left[cut.y0_px : cut.y0_px + height, cut.x0_px : cut.x0_px + width]
        rows, cols = np.nonzero(window >= lowest_adu)
        values = window[rows, cols].astype(np.uint16)
        excess = (values - mean).astype(np.float32)
        peak = int(np.argmax(values))
        candidates.append(
            Candidate(
                rows=(rows + cut.y0_px).astype(np.int32),
                cols=(cols + cut.x0_px).astype(np.int32),
                values_adu=values,
                excess_adu=excess,
                peak=peak,
                peak_sigma=float(excess[peak]) / noise,
                crop=cut,
            )
        )
        window[:] = 0
    return tuple(candidates)
