"""A frame and a calibration in, candidates out: no state, so that workers can share it."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.model import Calibration
from calibration.sample import Sample
from edge.crop import crop
from edge.detection import Candidate, FrameStamp
from edge.frame import Frame, Pixels, plausible_temperature_c
from edge.pixels.clusters import grow
from edge.pixels.join import joined
from edge.pixels.picture import Picture
from edge.pixels.sampler import FrameSampler
from edge.pixels.scan import MOST_SEEDS, Scan, scan
from edge.pixels.significance import Significance
from edge.pixels.thresholds import ThresholdMap

_OFFSET_SIGMA = 0.5
"""A frame whose level is this far off, in units of a pixel's noise, is leveled first."""

_LEVEL_SAMPLE_PX = 4096
_MOST_LOOKED = 4096
_PROVEN_FRAMES = 100
"""A hot pixel that kept still for so many frames is trusted with a hit of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class ScannedFrame:
    """A frame after its one read.

    Attributes
    ----------
    stamp : FrameStamp
    mean_adu : float
    bright_share : float
    covered : bool
    flood : bool
        More is lit than particles can: one event, nothing of it is a hit.
    candidates : tuple of Candidate
        Brightest first; empty when uncovered or flooded.
    level_shift_adu : int
        Added to all pixels to bring a covered frame to the calibration's level.
    pixels : Picture or None
        At the calibration's level, where the frame is covered; lies in the source's buffer, so
        that it is gone with the frame.
    reason : str
        Why the frame is uncovered: ``light`` by the cover rule, ``leak`` by its noise.
    sample : Sample or None
        What the calibration learns from it.
    looked : ndarray of int64, or None
        Flat indices of the pixels above the look threshold, ascending.
    """

    stamp: FrameStamp
    mean_adu: float
    bright_share: float
    covered: bool
    flood: bool
    candidates: tuple[Candidate, ...]
    level_shift_adu: int = 0
    pixels: Picture | None = None
    reason: str = ""
    sample: Sample | None = None
    looked: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """What the pixel pass needs of the configuration."""

    crop_size_px: int = 60
    most_candidates: int = 50


def plain_pixels(frame: Frame) -> Pixels:
    """Pixels of a frame, unpacked where they are packed."""
    return Picture.of(frame).plain()


class PixelPass:
    """What is done with every frame, put together for one calibration.

    It has no state but buffers, one set for each thread: workers share it.

    Parameters
    ----------
    calibration : Calibration
    limits : ScanLimits
    sampler : FrameSampler, optional
        None: no samples are taken.
    """

    def __init__(
        self, calibration: Calibration, limits: ScanLimits, sampler: FrameSampler | None = None
    ) -> None:
        self.calibration = calibration
        self._limits = limits
        self._sampler = sampler
        self._look = ThresholdMap.of(_look_threshold(calibration))
        self._significance: Significance | None = None
        if calibration.cluster is not None:
            self._significance = Significance(calibration, calibration.cluster)
        self._buffers = threading.local()

    def scan(self, picture: Picture, stamp: FrameStamp) -> ScannedFrame:
        """Read a frame once; cluster and cut out what is lit when it is covered."""
        calibration = self.calibration
        found = self._scan(picture)
        mean = found.total_adu / picture.size
        bright_share = found.bright / picture.size
        if not calibration.cover.covered(mean, bright_share):
            return ScannedFrame(stamp, mean, bright_share, False, False, (), reason="light")
        shift = _level_shift_adu(picture, mean, calibration)
        level = picture
        if shift:
            level = picture.moved(shift)
            found = self._scan(level)
        candidates = self._candidates(picture, level, found)
        flood, leak = candidates is None, False
        sample: Sample | None = None
        if self._sampler is not None and not flood:
            sample = self._sampler.take(level, mean, stamp.index)
            leak = self._sampler.is_leak(sample)
        return ScannedFrame(
            stamp,
            mean,
            bright_share,
            not leak,
            flood,
            () if leak or candidates is None else candidates,
            shift,
            level,
            "leak" if leak else "",
            None if leak else sample,
            found.seeds[:_MOST_LOOKED].copy(),
        )

    def _scan(self, picture: Picture) -> Scan:
        room = getattr(self._buffers, "seeds", None)
        if room is None:
            room = self._buffers.seeds = np.empty(MOST_SEEDS, np.int64)
        return scan(
            picture.data,
            self._look,
            self.calibration.cover.black_adu,
            picture.packing,
            shift_adu=picture.shift_adu,
            room=room,
        )

    def _candidates(
        self, picture: Picture, level: Picture, found: Scan
    ) -> tuple[Candidate, ...] | None:
        """What is lit, the brightest first; None: too much is."""
        calibration = self.calibration
        if found.lit > len(found.seeds):
            return None
        seeds = found.seeds
        if self._significance is not None:
            seeds = self._significance.seeds(level, seeds)
        if not len(seeds):
            return ()
        clusters = self._grown(level, seeds)
        if clusters is None:
            return None
        pieces = joined(clusters, level, calibration)
        made = [_candidate(picture, level, one, calibration, self._limits) for one in pieces]
        return tuple(sorted(made, key=_brightest_first))

    def _grown(self, level: Picture, seeds: NDArray[np.int64]) -> list[NDArray[np.int64]] | None:
        marks = getattr(self._buffers, "marks", None)
        self._buffers.marks = None  # they come back clean, or not at all
        if marks is None:
            marks = np.zeros(level.shape, np.uint8)
        growth, most = self.calibration.growth_threshold, self._limits.most_candidates
        clusters = grow(level, growth, seeds, most=most, marks=marks)
        self._buffers.marks = marks
        return clusters


def scan_pixels(
    pixels: Pixels, stamp: FrameStamp, calibration: Calibration, limits: ScanLimits
) -> ScannedFrame:
    """Read one frame of plain pixels by a calibration."""
    return PixelPass(calibration, limits).scan(Picture(pixels, pixels.shape[1]), stamp)


def _look_threshold(calibration: Calibration) -> NDArray[np.uint16]:
    """What the pixel pass compares with: a pixel above is judged more closely."""
    if calibration.cluster is None or calibration.look_threshold is None:
        return calibration.seed_threshold
    return calibration.look_threshold


def _level_shift_adu(picture: Picture, mean_adu: float, calibration: Calibration) -> int:
    """What brings a frame to the calibration's level, where it lies noticeably off.

    Offsets wander with temperature and read-out. Such a frame is read a second time; one of a
    steady camera is not. Where the mean is off, the middle pixel decides: one great particle
    raises the mean of a small frame.
    """
    limit = max(_OFFSET_SIGMA * calibration.noise_adu, 0.5)
    if abs(mean_adu - calibration.expected_mean_adu) <= limit:
        return 0
    step = max(1, math.isqrt(picture.size // _LEVEL_SAMPLE_PX))
    taken = slice(None, None, step)
    sample = picture[taken, taken].astype(np.float32) - calibration.mean_adu[taken, taken]
    offset = float(np.median(sample))
    return -round(offset) if abs(offset) > limit else 0


def stamp_of(frame: Frame) -> FrameStamp:
    """Keep what later stages need of a frame once its pixels are gone."""
    return FrameStamp(
        frame.sequence,
        frame.index,
        frame.series,
        frame.mode,
        frame.sensor_time_ns,
        frame.utc_ns,
        frame.exposure_ns,
        plausible_temperature_c(frame.temperature_c),
        frame.origin,
    )


def _candidate(
    pixels: Picture,
    level: Picture,
    cluster: NDArray[np.int64],
    calibration: Calibration,
    limits: ScanLimits,
) -> Candidate:
    rows, cols = np.divmod(cluster, pixels.shape[1])
    values = np.asarray(pixels[rows, cols], np.uint16)
    excess = level[rows, cols].astype(np.float32) - calibration.mean_adu[rows, cols]
    peak = int(np.argmax(excess))
    y, x = int(rows[peak]), int(cols[peak])
    return Candidate(
        rows=rows.astype(np.int32),
        cols=cols.astype(np.int32),
        values_adu=values,
        excess_adu=excess,
        peak=peak,
        peak_sigma=float(excess[peak] / calibration.sigma_adu[y, x]),
        crop=crop(pixels, y, x, limits.crop_size_px),
        unproven_hot=(
            len(cluster) == 1
            and bool(calibration.hot[y, x])
            and calibration.frames_used < _PROVEN_FRAMES
        ),
    )


def _brightest_first(candidate: Candidate) -> tuple[float, int, int]:
    return (-float(candidate.excess_adu[candidate.peak]), candidate.y_px, candidate.x_px)
