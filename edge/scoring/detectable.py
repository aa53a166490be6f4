"""Which particles a rig could have found, and why it missed those it did not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.scoring.exposure import Exposure
from edge.scoring.matching import NONE, FrameIndex, Matching
from edge.scoring.truth import Particles

Flags = NDArray[np.bool_]
LISTED = 200
"""Particles and hits that a report lists one by one, before it only counts them."""


@dataclass(frozen=True, slots=True, eq=False)
class Detectable:
    """Particles that could be found.

    Attributes
    ----------
    usable : ndarray of bool, shape (n,)
        In a frame that arrived, whole and covered, and was searched, with the brightest pixel
        inside the frame.
    detectable : ndarray of bool, shape (n,)
        Usable, and bright enough to be asked for.
    why_not : dict of str to int
        The others by reason: missing, bad, uncovered (all as the truth says), outside, faint, or
        what the rig did instead of looking: rig_calibrating, rig_uncovered, rig_dropped, rig_bad.
    """

    usable: Flags
    detectable: Flags
    why_not: dict[str, int]


def find_detectable(
    particles: Particles,
    min_sigma: float,
    size: tuple[int, int] | None,
    exposure: Exposure | None,
    series_names: tuple[str, ...],
) -> Detectable:
    """Tell the particles that could be found from the others.

    Parameters
    ----------
    particles : Particles
    min_sigma : float
        Least peak that is asked for.
    size : (width, height) or None
        Of the frames, where known.
    exposure : Exposure or None
        When the rig was looking. A span counts as not looked at only where none of its frames
        were searched: what lies in a partly searched one counts, found or not.
    series_names : tuple of str
        Name of each of the particles' series.
    """
    left = np.ones(len(particles), np.bool_)
    why_not: Counter[str] = Counter()

    def leave_out(reason: str, some: Flags) -> None:
        why_not[reason] += int(np.count_nonzero(left & some))
        left[some] = False

    for i, status in enumerate(particles.statuses):
        if status != "ok":
            leave_out(status, particles.status == i)
    leave_out("uncovered", ~particles.covered)
    leave_out("outside", _outside(particles, size))
    if exposure is not None:
        reasons = _idle(particles, exposure, series_names, left)
        for reason in np.unique(reasons[reasons != ""]).tolist():
            leave_out(f"rig_{reason}", reasons == reason)
    usable = left.copy()
    leave_out("faint", particles.peak_sigma < min_sigma)
    return Detectable(usable, left, {reason: n for reason, n in why_not.items() if n})


def missed_reasons(
    particles: Particles,
    matching: Matching,
    detectable: Flags,
    exposure: Exposure | None,
    series_names: tuple[str, ...],
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Say of each particle that was missed what is known of the reason.

    Returns
    -------
    counts : dict of str to int
        By reason: merged (it touches one that was found: both are one cluster), late (its first
        hit is of a later frame), partly_uncovered and the like (some frames around it were not
        searched), unknown.
    listed : list of dict
        The first 200.
    """
    index = FrameIndex(particles)
    late = set(matching.duplicate_of[matching.late].tolist())
    counts: Counter[str] = Counter()
    listed: list[dict[str, Any]] = []
    for one in np.flatnonzero(detectable & (matching.hit_of == NONE)).tolist():
        series = series_names[int(particles.series[one])]
        idle, _ = exposure.idle_at(series, int(particles.sequence[one])) if exposure else ("", 0)
        if any(matching.hit_of[other] != NONE for other in index.touching(one, particles)):
            reason = "merged"
        elif one in late:
            reason = "late"
        else:
            reason = f"partly_{idle}" if idle else "unknown"
        counts[reason] += 1
        if len(listed) < LISTED:
            listed.append(
                {
                    "series": series,
                    "frame": int(particles.frame[one]),
                    "x_px": int(particles.x_px[one]),
                    "y_px": int(particles.y_px[one]),
                    "class": particles.labels[int(particles.label[one])],
                    "peak_sigma": float(particles.peak_sigma[one]),
                    "reason": reason,
                }
            )
    return dict(counts.most_common()), listed


def _outside(particles: Particles, size: tuple[int, int] | None) -> Flags:
    below = (particles.x_px < 0) | (particles.y_px < 0)
    if size is None:
        return below
    return np.asarray(below | (particles.x_px >= size[0]) | (particles.y_px >= size[1]))


def _idle(
    particles: Particles, exposure: Exposure, series_names: tuple[str, ...], asked: Flags
) -> NDArray[np.str_]:
    """What the rig did around each particle, where it did nothing but that; "" elsewhere."""
    reasons = np.full(len(particles), "", dtype="U16")
    for one in np.flatnonzero(asked).tolist():
        series = series_names[int(particles.series[one])]
        reason, wholly = exposure.idle_at(series, int(particles.sequence[one]))
        if wholly:
            reasons[one] = reason
    return reasons
