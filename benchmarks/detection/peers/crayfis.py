"""CRAYFIS (Android): hot pixels by their second-largest value, a threshold from a wanted rate.

Source: crayfis/crayfis-android acd76a7, `trigger/precalibration/SecondMaxTask.java`,
`trigger/L1/L1Calibrator.java`, `trigger/L2`. 25,000 frames for weights and 50,000 for the largest
and second-largest value of each pixel; the pixels with the highest second values are masked, down
to the value where 1 % of them are or one value alone has 2 %, and their neighbours whose largest
is as high. A frame whose mean is above 10 of 255 is not looked at. Then a histogram of frame
maxima gives the threshold at which 20 frames a minute pass; of the frames right at it a share
passes, so that the rate is met. Lit pixels (up to 120) of a passing frame are sent.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from benchmarks.detection.rule import Image, Look, brightest_of_clusters, pixel_boxes

WEIGHT_FRAMES, SECOND_FRAMES, LEVEL_FRAMES = 25_000, 50_000, 1_000
MOST_MASKED, MOST_AT_ONE_VALUE = 0.01, 0.02
EVENTS_PER_MIN = 20.0
WINDOW_EVENTS = 60
UPDATE_FRAMES = 60
MOST_PIXELS = 120
MOST_MEAN = 10 / 255
_SEED = 20
KIND = (
    "native depth; where the stream is short its 76,000 frames of calibration are cut to a quarter "
    "of it; more than 120 lit pixels are one hit; the weights against lens shading are left out"
)
FAST_KIND = KIND + "; the wanted rate is twice the particles' instead of 20 a minute"


class Crayfis:
    """The app's chain: mask, L1, L2.

    Parameters
    ----------
    fps : float
    stream_frames : int
        Length of the stream; calibration takes a quarter of it at most.
    black_adu, full_scale_adu : float, int
        Of the pixels, for the limit of a frame's mean (the app locks black at 0).
    events_per_min : float
        Wanted rate.
    """

    def __init__(
        self,
        fps: float,
        stream_frames: int,
        black_adu: float = 0.0,
        full_scale_adu: int = 255,
        events_per_min: float = EVENTS_PER_MIN,
    ) -> None:
        self._most_mean = black_adu + MOST_MEAN * full_scale_adu
        whole = WEIGHT_FRAMES + SECOND_FRAMES + LEVEL_FRAMES
        share = min(1.0, stream_frames / 4 / whole)
        self._level_frames = max(round(LEVEL_FRAMES * share), min(500, stream_frames // 16))
        self._blind_frames = round((WEIGHT_FRAMES + SECOND_FRAMES) * share)
        self._share = events_per_min / 60 / fps
        self._maxima: deque[int] = deque(maxlen=max(round(WINDOW_EVENTS / self._share), 1000))
        self._random = np.random.default_rng(_SEED)
        self._frames = 0
        self._largest: Image = np.zeros(1)
        self._second: Image = np.zeros(1)
        self._mask: Image = np.zeros(1)
        self._limit, self._keep_share = 0, 0.0

    def look(self, pixels: Image) -> Look:
        """Judge the next frame, any depth."""
        if float(pixels.mean()) > self._most_mean:
            return Look(live=False)
        self._frames += 1
        if self._frames <= self._blind_frames:
            self._precalibrate(pixels)
            return Look(live=False)
        masked = np.where(self._mask, 0, pixels) if self._mask.any() else pixels
        brightest = int(masked.max())
        self._maxima.append(brightest)
        ready = self._frames - self._blind_frames - self._level_frames
        if ready >= 0 and ready % UPDATE_FRAMES == 0:
            self._set_threshold()
        if ready <= 0:
            return Look(live=False)
        if not self._passes(brightest):
            return Look()
        lit = masked >= max(self._limit, 1)
        if np.count_nonzero(lit) > MOST_PIXELS:
            row, col = np.unravel_index(int(np.argmax(masked)), masked.shape)
            return Look(pixel_boxes(np.array([row]), np.array([col])))
        return Look(brightest_of_clusters(masked, lit))

    def _precalibrate(self, pixels: Image) -> None:
        if self._largest.shape != pixels.shape:
            self._largest, self._second = np.zeros_like(pixels), np.zeros_like(pixels)
        np.maximum(self._second, np.minimum(self._largest, pixels), out=self._second)
        np.maximum(self._largest, pixels, out=self._largest)
        if self._frames == self._blind_frames:
            self._mask = hot_pixels(self._largest, self._second)

    def _set_threshold(self) -> None:
        """Lowest value that fewer frames than wanted are above; a share of those at it."""
        values, counts = np.unique(np.fromiter(self._maxima, np.int64), return_counts=True)
        above = counts.sum() - np.cumsum(counts)
        target = int(counts.sum() * self._share)
        place = int(np.argmax(above < max(target, 1)))
        self._limit = int(values[place])
        self._keep_share = max(target - int(above[place]), 0) / int(counts[place])

    def _passes(self, brightest: int) -> bool:
        at = brightest == self._limit and self._random.random() < self._keep_share
        return brightest > self._limit or at


def hot_pixels(largest: Image, second: Image) -> Image:
    """Mask of pixels whose second-largest value is in the top, and of their bright neighbours."""
    import cv2

    counts = np.bincount(second.ravel().astype(np.int64))
    killed, cutoff = 0, len(counts) - 1
    while killed < MOST_MASKED * second.size and cutoff > 0:
        if counts[cutoff] > MOST_AT_ONE_VALUE * second.size:
            cutoff += 1
            break
        killed += int(counts[cutoff])
        cutoff -= 1
    hot = second >= max(cutoff, 1)
    near = cv2.dilate(hot.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return hot | (near & (largest >= cutoff))
