"""CREDO Detector 1.3.4 (Android): one global threshold, calibrated once, no memory of places.

Source: credo-science/credo-detector-android, master e33e13e, `CameraPreviewCallbackNative.kt` and
`ConfigurationInfo.kt`. `edge.credo` is our preset with its departures; this is the app itself:
it sends hits from the first frame on with its defaults (average 40, black 40, 999 per mille,
max 120); once more than 500 covered frames were seen, at the next flush of its totals (60 s), it
takes average = black = clamp(mean + 20, 10, 60) and max = clamp(max(3 maxima, 80), average, 160)
from the last flushed minute (a later list of samples is shadowed), and calibrates no more. The
brightest pixel is taken, its crop blanked, up to six times; mean and blacks are looked at anew
each time.
"""

from __future__ import annotations

import numpy as np

from benchmarks.detection.rule import NO_BOXES, Image, Look, pixel_boxes

CROP_PX = 60
PASSES = 6
CALIBRATION_FRAMES = 500
FLUSH_S = 60.0
BLACK_PERMILLE = 999
LENIENT_PERMILLE = 980
KIND = (
    "crop of 60 px as until 2021 (128 px would blank a quarter of so small a frame); the luma "
    "is read right"
)
LENIENT_KIND = (
    KIND + "; its setting for black pixels lowered to 980 per mille, or hot pixels alone would "
    "make it believe that the cover is off"
)
SERVER_KIND = LENIENT_KIND + "; the server shows a pixel's first hit alone, for ever"


class CredoAndroid:
    """The app.

    Parameters
    ----------
    fps : float
        For the flush of its totals.
    black_permille : int
        Least share of black pixels under a cover; a setting of the app.
    server : bool
        Only a place's first hit counts, as the server shows it.
    """

    def __init__(
        self, fps: float, black_permille: int = BLACK_PERMILLE, *, server: bool = False
    ) -> None:
        self._black_permille = black_permille
        self._flush_frames = max(round(FLUSH_S * fps), 1)
        self._server = server
        self._seen: set[tuple[int, int]] = set()
        self.average, self.black, self.most = 40, 40, 120
        self._calibrated = False
        self._covered = 0
        self._frames = 0
        self._minute: list[tuple[float, int]] = []

    def look(self, pixels: Image) -> Look:
        """Judge the next frame, 8 bits."""
        left = pixels
        first = None
        places: list[tuple[int, int]] = []
        for _ in range(PASSES):
            covered, mean, brightest = self._measure(left)
            if first is None:
                first = covered
                self._count(covered, mean, brightest)
            if not covered or brightest <= self.most:
                break
            if left is pixels:
                left = pixels.copy()
            row, col = np.unravel_index(int(np.argmax(left)), left.shape)
            places.append((int(row), int(col)))
            _blank(left, int(row), int(col))
        self._flush()
        return Look(self._published(places), live=bool(first))

    def _measure(self, luma: Image) -> tuple[bool, float, int]:
        mean = float(luma.mean())
        permille = int(np.count_nonzero(luma <= self.black)) * 1000 / luma.size
        return mean < self.average and permille >= self._black_permille, mean, int(luma.max())

    def _count(self, covered: bool, mean: float, brightest: int) -> None:
        if covered:
            self._covered += 1
            self._minute.append((mean, brightest))

    def _flush(self) -> None:
        self._frames += 1
        if self._frames % self._flush_frames:
            return
        if not self._calibrated and self._covered > CALIBRATION_FRAMES and self._minute:
            mean, brightest = np.mean(self._minute, axis=0)
            self.average = self.black = min(max(int(mean + 20), 10), 60)
            self.most = min(max(int(brightest * 3), 80, self.average), 160)
            self._calibrated = True
        self._minute.clear()

    def _published(self, places: list[tuple[int, int]]) -> Image:
        if self._server:
            places = [place for place in places if place not in self._seen]
            self._seen.update(places)
        if not places:
            return NO_BOXES
        at = np.array(places)
        return pixel_boxes(at[:, 0], at[:, 1])


def _blank(luma: Image, row: int, col: int) -> None:
    """Zero the crop around a pixel, moved inside the frame."""
    height, width = luma.shape
    y0 = max(min(row - CROP_PX // 2, height - CROP_PX), 0)
    x0 = max(min(col - CROP_PX // 2, width - CROP_PX), 0)
    luma[y0 : y0 + CROP_PX, x0 : x0 + CROP_PX] = 0
