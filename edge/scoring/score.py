"""Hits against truth: reads the files, sees that they belong together, and puts the score down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadUse
from edge.hitfile import exposure_path
from edge.intervals import wilson
from edge.recording.layout import TRUTH_NAME
from edge.scoring.beside import find_beside
from edge.scoring.detectable import LISTED, find_detectable, missed_reasons
from edge.scoring.efficiency import Efficiency, PeakBin, by_label, by_peak, measure
from edge.scoring.exposure import read_exposure
from edge.scoring.given import Given, series_names_of
from edge.scoring.hits import Hits, read_hits
from edge.scoring.matching import MATCH_RADIUS_PX, NONE, Matching, match
from edge.scoring.rates import FalseRate
from edge.scoring.residuals import position_residuals, time_residuals
from edge.scoring.truth import Particles, read_truth

DEFAULT_MIN_SIGMA = 10.0
SIZES = {"all": "all", "one_px": "1 px", "more_px": "2+ px"}
"""Groups of the curves by peak, and how a person calls them."""
_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """How well hits fit a truth.

    Attributes
    ----------
    overall : Efficiency
        Of all that could be found.
    by_class : dict of str to Efficiency
    by_peak : dict of str to list of PeakBin
        For the groups of `SIZES`; also particles fainter than asked for.
    false_rate : FalseRate
    hits, true_hits, duplicates : int
        hits = true_hits + duplicates + false hits.
    false_places : ndarray of int64, shape (n, 2)
        Column and row of each false hit.
    size : (width, height) or None
    details : dict
        The rest of the report, ready for JSON.
    """

    min_sigma: float
    overall: Efficiency
    by_class: dict[str, Efficiency]
    by_peak: dict[str, list[PeakBin]]
    false_rate: FalseRate
    hits: int
    true_hits: int
    duplicates: int
    false_places: NDArray[np.int64]
    size: tuple[int, int] | None
    details: dict[str, Any]

    @property
    def purity(self) -> float | None:
        """Share of the hits that are a particle; a second hit on the same one is none."""
        return self.true_hits / self.hits if self.hits else None

    def to_json(self) -> dict[str, Any]:
        """The report."""
        overall = self.overall.to_json()
        low, high = wilson(self.true_hits, self.hits)
        live_ns = self.false_rate.live_time_ns
        return {
            "detectable": overall.pop("detectable"),
            "found": overall.pop("found"),
            "efficiency": overall.pop("efficiency"),
            "efficiency_low": overall.pop("low"),
            "efficiency_high": overall.pop("high"),
            "hits": self.hits,
            "true_hits": self.true_hits,
            "purity": None if self.purity is None else round(self.purity, _DIGITS),
            "purity_low": round(low, _DIGITS),
            "purity_high": round(high, _DIGITS),
            "false_hits": self.false_rate.false_hits,
            **self.false_rate.per_hour(),
            "live_time_s": None if live_ns is None else live_ns * 1e-9,
            "live_time_from": self.false_rate.live_time_from or None,
            "duplicates": self.duplicates,
            "min_sigma": self.min_sigma,
            "by_class": {name: one.to_json() for name, one in self.by_class.items()},
            "by_peak": {
                name: [one.to_json() for one in bins] for name, bins in self.by_peak.items()
            },
            "false_rate": self.false_rate.to_json(),
            **self.details,
            "interval": "Wilson, 95 %",
            "limit": "exact Poisson, one-sided, 95 %",
            "match_radius_px": MATCH_RADIUS_PX,
        }


def score_files(
    hits_path: Path,
    truth_path: Path,
    *,
    exposure: Path | None = None,
    min_sigma: float = DEFAULT_MIN_SIGMA,
) -> Score:
    """Score a hits file against a truth.

    Parameters
    ----------
    hits_path : Path
        Hits of a replay or a rig, a message a line.
    truth_path : Path
        `truth.jsonl`, or the folder of the recording that holds it.
    exposure : Path, optional
        Exposure records; None: those beside the hits, where there are any.
    min_sigma : float
        Least peak of a particle that counts as detectable.

    Raises
    ------
    BadUse
        A file is not what it should be, or the hits are of another recording.
    Failed
        A file can't be read.
    """
    notes: list[str] = []
    truth_path = truth_path / TRUTH_NAME if truth_path.is_dir() else truth_path
    particles = read_truth(truth_path, notes)
    hits = read_hits(hits_path, notes)
    beside = find_beside(truth_path, notes)
    if exposure is None and exposure_path(hits_path).is_file():
        exposure = exposure_path(hits_path)
    records = None if exposure is None else read_exposure(exposure, notes)
    series_names = series_names_of(particles, hits, beside)
    given = Given(particles, hits, beside, records, series_names)
    misfit = given.misfit()
    if misfit is not None:
        raise BadUse(f"{hits_path}: hits of another recording than {truth_path}: {misfit}")
    return _score(given, min_sigma, notes)


def _score(given: Given, min_sigma: float, notes: list[str]) -> Score:
    particles, hits, records = given.particles, given.hits, given.records
    series_names, size = given.series_names, given.size
    matching = match(particles, hits, given.hit_series())
    found = matching.hit_of != NONE
    chances = find_detectable(particles, min_sigma, size, records, series_names)
    rate = given.false_rate(int(np.count_nonzero(matching.false)))
    area = particles.area_px
    groups = {"all": chances.usable, "one_px": area == 1, "more_px": area > 1}
    missed, missed_list = missed_reasons(
        particles, matching, chances.detectable, records, series_names
    )
    true_hits = int(np.count_nonzero(matching.true))
    if len(hits) >= 10 and not true_hits:
        notes.append("no hit fits a particle: are these the hits of this recording?")
    return Score(
        min_sigma=min_sigma,
        overall=measure(found, chances.detectable),
        by_class=by_label(found, chances.detectable, particles.label, particles.labels),
        by_peak={
            name: by_peak(
                found,
                chances.usable & some,
                particles.peak_sigma,
                rate.ideal,
                rate.ideal_expected,
            )
            for name, some in groups.items()
        },
        false_rate=rate,
        hits=len(hits),
        true_hits=true_hits,
        duplicates=int(np.count_nonzero(matching.duplicate)),
        false_places=np.stack([hits.x_px, hits.y_px], axis=1)[matching.false],
        size=size,
        details={
            "particles": len(particles),
            "missed": missed,
            "missed_list": missed_list,
            "not_detectable": chances.why_not,
            "merged": missed.get("merged", 0),
            "late_duplicates": int(np.count_nonzero(matching.late)),
            "injected_hits_left_out": hits.injected,
            "position_residual": position_residuals(particles, hits, matching),
            "time_residual": time_residuals(particles, hits, matching, given.beside),
            "classified": _classified(particles, hits, matching),
            "false_list": _false_list(hits, matching),
            "injection": records.injections.to_json() if records else None,
            "notes": notes,
        },
    )


def _classified(particles: Particles, hits: Hits, matching: Matching) -> dict[str, dict[str, int]]:
    """What the particles of each class were taken for."""
    found = np.flatnonzero(matching.hit_of != NONE)
    true, taken = particles.label[found], hits.label[matching.hit_of[found]]
    table: dict[str, dict[str, int]] = {}
    pairs, numbers = np.unique(np.stack([true, taken], axis=1), axis=0, return_counts=True)
    for (label, called), n in zip(pairs.tolist(), numbers.tolist(), strict=True):
        table.setdefault(particles.labels[label], {})[hits.labels[called]] = n
    return table


def _false_list(hits: Hits, matching: Matching) -> list[dict[str, Any]]:
    return [
        {
            "series": hits.series_names[int(hits.series[i])],
            "frame": int(hits.frame[i]),
            "x_px": int(hits.x_px[i]),
            "y_px": int(hits.y_px[i]),
            "class": hits.labels[int(hits.label[i])],
        }
        for i in np.flatnonzero(matching.false)[:LISTED].tolist()
    ]
