"""CREDO_webcam (University of Warsaw, 2025): mean and maximum of each pixel.

Source: zarnecki/CREDO_webcam 391d145, `devel/credo_webcam_19_8.py`. After 100 frames a pixel is
lit when gray - mean > 4 (maximum - mean) + 10; three lit pixels in 3 x 3 make the frame an event
(one each frame); more than 200 lit pixels end the program. Then, events included,
maximum = max(0.99 maximum + 0.01 mean, gray) and mean = 0.99 mean + 0.01 gray.
"""

from __future__ import annotations

import numpy as np

from benchmarks.detection.rule import Image, Look, pixel_boxes

FRAMES = 100
TIMES, PLUS = 4.0, 10.0
NEIGHBOURS = 3
MOST_LIT = 200
KIND = (
    "someone restarts it at once whenever it quits (100 frames to learn anew); its 20 ms pause "
    "after each frame costs nothing; all groups of a frame count, not only the first"
)


class CredoWebcam:
    """The script, started again whenever it quits.

    Attributes
    ----------
    quits : int
        How often it ended itself.
    frames_until_quit : int or None
        Frames after which it would have been off for good with nobody there.
    """

    def __init__(self) -> None:
        self.quits = 0
        self.frames_until_quit: int | None = None
        self._seen = 0
        self._frames = 0
        self._mean: Image = np.zeros(1)
        self._most: Image = np.zeros(1)

    def look(self, pixels: Image) -> Look:
        """Judge the next frame, 8 bits."""
        gray = pixels.astype(np.float32)
        self._seen += 1
        if self._frames == 0:
            self._mean, self._most = np.zeros_like(gray), np.zeros_like(gray)
        self._frames += 1
        if self._frames <= FRAMES:
            np.maximum(self._most, gray, out=self._most)
            self._mean += gray / FRAMES
            return Look(live=False)
        lit = gray - self._mean > TIMES * (self._most - self._mean) + PLUS
        if np.count_nonzero(lit) > MOST_LIT:
            self._quit()
            return Look(live=False)
        self._most = np.maximum(0.99 * self._most + 0.01 * self._mean, gray)
        self._mean = 0.99 * self._mean + 0.01 * gray
        return Look(_groups(gray, lit))

    def _quit(self) -> None:
        self.quits += 1
        self._frames = 0
        if self.frames_until_quit is None:
            self.frames_until_quit = self._seen


def _groups(gray: Image, lit: Image) -> Image:
    """Brightest pixel of each group that has three lit pixels in some 3 x 3."""
    rows, cols = np.nonzero(lit)
    near = (abs(rows[:, None] - rows) <= 1) & (abs(cols[:, None] - cols) <= 1)
    enough = near.sum(axis=1) >= NEIGHBOURS
    taken: list[int] = []
    for i in np.argsort(-gray[rows, cols], kind="stable"):
        apart = all(max(abs(rows[i] - rows[j]), abs(cols[i] - cols[j])) > 2 for j in taken)
        if enough[i] and apart:
            taken.append(int(i))
    return pixel_boxes(rows[taken], cols[taken])
