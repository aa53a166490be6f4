"""A calibration as an immutable value."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.bands import sample_step, sampled
from calibration.cluster import ClusterRule
from calibration.cover import CoverRule


class CalibrationError(ValueError):
    """A calibration can't be made, read or used; the message is one line for the user."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What is known of a sensor in one mode.

    Attributes
    ----------
    id : str
        Hash of everything below that changes a decision: 16 hex digits.
    mode : dict
        Sensor, size, bit depth, exposure, gain, packing: what it is valid for.
    mean_adu, sigma_adu : ndarray of float32, shape (height, width)
        Baseline and noise of each pixel; where black is clipped, so much noise that thresholds
        counted from the baseline are those of the noise underneath.
    seed_threshold, growth_threshold : ndarray of uint16, shape (height, width)
        A pixel is lit when its value is above; 65535 where it is masked.
    masked : ndarray of bool, shape (height, width)
        Pixels that can't be used: unstable, or too bright to tell a hit.
    hot : ndarray of bool, shape (height, width)
        Pixels well above the rest whose baseline is stable: used, with their own threshold.
    frames_used : int
    level_adu, noise_adu : float
        Mean of the dark frames; median noise of a pixel, as the spread of its values shows it.
    cover : CoverRule
    frame_maxima_adu : ndarray of float32, shape (frames,)
        Largest value of each frame.
    seed_sigma, growth_sigma : float
        Thresholds of an ordinary pixel in units of its noise.
    tail_stretch : float
        How much wider than normal the measured tail is.
    expected_false_triggers_per_hour : float
        At `seed_sigma`, extrapolated along the measured tail.
    temperature_c : float or None
        Mean over the frames used.
    created_utc : str
    reference_mean_adu : float or None
        Mean of a whole frame at the calibration's level; None: `level_adu`. Hot pixels that grow
        brighter raise the mean of a frame, not its level.
    look_threshold : ndarray of uint16, shape (height, width), or None
        A pixel above is looked at together with its neighbours; not below the seed threshold
        where a pixel must not take part in that. None: no pixel is.
    cluster : ClusterRule or None
        When a pixel and its neighbours trigger together; None: single pixels alone do.
    neighbour_correlation : float
        Of the noise of neighbouring pixels: the largest of four directions, 0 where not measured.
    listed : ndarray of bool, shape (height, width), or None
        Pixels masked by a list of defects: they stay so, whatever they show.
    """

    id: str
    mode: dict[str, Any]
    mean_adu: NDArray[np.float32]
    sigma_adu: NDArray[np.float32]
    seed_threshold: NDArray[np.uint16]
    growth_threshold: NDArray[np.uint16]
    masked: NDArray[np.bool_]
    hot: NDArray[np.bool_]
    frames_used: int
    level_adu: float
    noise_adu: float
    cover: CoverRule
    frame_maxima_adu: NDArray[np.float32]
    seed_sigma: float
    growth_sigma: float
    tail_stretch: float
    expected_false_triggers_per_hour: float
    temperature_c: float | None = None
    created_utc: str = ""
    reference_mean_adu: float | None = None
    look_threshold: NDArray[np.uint16] | None = None
    cluster: ClusterRule | None = None
    neighbour_correlation: float = 0.0
    listed: NDArray[np.bool_] | None = None

    @property
    def expected_mean_adu(self) -> float:
        """Mean of a frame that is at the calibration's level."""
        return self.level_adu if self.reference_mean_adu is None else self.reference_mean_adu

    @property
    def full_scale_adu(self) -> int:
        """Largest value a pixel can have."""
        return (1 << int(self.mode["bit_depth"])) - 1

    @property
    def masked_px(self) -> int:
        """Number of masked pixels."""
        return int(np.count_nonzero(self.masked))

    @property
    def hot_px(self) -> int:
        """Number of hot pixels that have their own threshold."""
        return int(np.count_nonzero(self.hot))

    @property
    def black_level_adu(self) -> float:
        """Level of a dark pixel: the mode's where it is stated, the measured one otherwise."""
        stated = self.mode.get("black_level_adu")
        return float(stated) if stated is not None else self.level_adu

    def with_cover(self, rule: CoverRule) -> Calibration:
        """Judge frames by another cover rule: another calibration, with an `id` of its own."""
        if rule == self.cover:
            return self
        own_id = calibration_id(
            self.mode,
            rule,
            mean=self.mean_adu,
            sigma=self.sigma_adu,
            seed=self.seed_threshold,
            growth=self.growth_threshold,
            **cluster_maps(self.cluster, self.look_threshold),
        )
        return replace(self, id=own_id, cover=rule)

    def summary(self) -> dict[str, Any]:
        """Everything but the maps, ready for JSON."""
        return {
            "calibration_id": self.id,
            "mode": self.mode,
            "frames_used": self.frames_used,
            "temperature_c": self.temperature_c,
            "created_utc": self.created_utc,
            "thresholds": self.thresholds(),
            "noise": {
                "level_adu": round(self.level_adu, 4),
                "median_sigma_adu": round(self.noise_adu, 4),
                "tail_stretch": round(self.tail_stretch, 4),
                "neighbour_correlation": self.neighbour_correlation,
                "frame_maximum_adu_mean": round(float(self.frame_maxima_adu.mean()), 3),
            },
            "hot_pixels": self.hot_px,
            "masked_px": self.masked_px,
            "expected_false_triggers_per_hour": self.expected_false_triggers_per_hour,
        }

    def thresholds(self) -> dict[str, float]:
        """Thresholds by name, units in the names."""
        seed = self.seed_threshold
        thresholds = {
            "seed_sigma": round(self.seed_sigma, 4),
            "growth_sigma": round(self.growth_sigma, 4),
            "seed_adu_median": float(np.median(sampled(seed, sample_step(seed.shape, _TOLD_PX)))),
            "cover_mean_adu": round(self.cover.mean_limit_adu, 4),
            "cover_black_adu": self.cover.black_adu,
            "cover_bright_share": round(self.cover.bright_share_limit, 8),
        }
        if self.cluster is not None:
            thresholds["look_sigma"] = round(self.cluster.look_sigma, 4)
            thresholds["cluster_pattern"] = self.cluster.pattern_limit
            thresholds["cluster_spot_sigma"] = self.cluster.spot_limit
        return thresholds


_TOLD_PX = 50_000
"""A median that a person reads needs no more pixels; it is asked for at every turn of a block."""

LATER_MAPS = ("look_threshold", "listed")
"""Arrays that may be None: older files lack them."""

MAPS = tuple(
    f.name for f in fields(Calibration) if "NDArray" in str(f.type) and f.name not in LATER_MAPS
)
"""Names of the fields that are arrays."""


def cluster_maps(
    cluster: ClusterRule | None, look: NDArray[np.uint16] | None
) -> dict[str, NDArray[Any]]:
    """What a calibration's hash takes in of its cluster rule; nothing where there is none."""
    if cluster is None or look is None:
        return {}
    # Not to the last digit: mathematical functions differ between machines.
    return {"look": look, "cluster": np.array(astuple(cluster), np.float32)}


def calibration_id(mode: dict[str, Any], cover: CoverRule, **maps: NDArray[Any]) -> str:
    """Hash of what decides: mode, cover rule, baseline, noise and thresholds."""
    hasher = hashlib.sha256()
    rule = list(astuple(cover))
    hasher.update(json.dumps([mode, rule], sort_keys=True).encode())
    for name in sorted(maps):
        hasher.update(name.encode())
        hasher.update(np.ascontiguousarray(maps[name]).data)
    return hasher.hexdigest()[:16]
