"""Everything a frame goes through, once, on a tiny frame, before the camera starts.

Importing OpenCV and compiling the kernels take a second or two; a camera that is already running
would lose its first frames to them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from calibration.calibrator import Calibrator
from calibration.derive import ThresholdRequest
from calibration.trigger import ENOUGH_FRAMES
from edge.classify import RuleClassifier
from edge.crop import encode_png
from edge.describe import describe
from edge.detection import FrameStamp
from edge.detector import mode_note
from edge.frame import Pixels, SensorMode
from edge.pixels.candidates import ScanLimits, scan_pixels

_SIZE_PX = 128
_FRAMES = ENOUGH_FRAMES
"""Or the pixels of a calibration would be judged one by one, and not with their neighbours."""


def warm_up() -> int:
    """Import, compile or load from the cache what the loop will need.

    Returns
    -------
    int
        Candidates found on the way: one for each kind of frame (8 or 16 bits, lent or owned).
    """
    return sum(
        _one_hit(_frames(kind, writeable))
        for kind in (np.uint16, np.uint8)
        for writeable in (True, False)
    )


def _frames(kind: type[np.uint8] | type[np.uint16], writeable: bool) -> list[Pixels]:
    rng = np.random.default_rng(1)
    frames: list[Pixels] = []
    for _ in range(_FRAMES + 1):
        frame: Any = np.rint(rng.normal(32, 3, (_SIZE_PX, _SIZE_PX))).astype(kind)
        frames.append(frame)
    frames[-1][10:12, 10:13] = 200
    for frame in frames:
        frame.flags.writeable = writeable
    return frames


def _one_hit(frames: list[Pixels]) -> int:
    depth = 8 * frames[0].itemsize
    mode = SensorMode("", _SIZE_PX, _SIZE_PX, depth)
    calibrator = Calibrator(mode_note(mode))
    for frame in frames[:-1]:
        calibrator.add(frame)
    calibration = calibrator.finish(ThresholdRequest(seed_sigma=6.0))
    stamp = FrameStamp(0, 0, "", mode, 0, None, 0, None, "simulation")
    candidates = scan_pixels(frames[-1], stamp, calibration, ScanLimits()).candidates
    for candidate in candidates:
        RuleClassifier().classify([(candidate, describe(candidate))])
        encode_png(candidate.crop)
    return len(candidates)
