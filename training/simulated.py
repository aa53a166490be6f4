"""Simulated hits and the truth beside them: each hit is what it really was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from edge.errors import BadUse
from edge.hits.record import StoredHit
from edge.messages.utc import parse_utc_ns
from edge.recording.layout import TRUTH_NAME
from edge.scoring.beside import find_beside
from edge.scoring.given import Given, series_names_of
from edge.scoring.hits import Hits
from edge.scoring.matching import MATCH_RADIUS_PX, FrameIndex, Matching, match
from edge.scoring.truth import Names, Particles, read_truth
from training.found import NO_LABEL, Found, LeftOut, label_of, labelled_found
from training.own_hits import Own, place_group
from training.scores import ARTEFACT

BLOCK_FRAMES = 64


def read_simulated(truth: Path, own: Sequence[Own], left_out: LeftOut) -> Iterator[Found]:
    """Read the hits of a simulated recording, with labels from its truth.

    A hit is matched as `cosmic-edge score` does it (`edge.scoring.matching`). One that is a
    particle has that particle's class, one where no particle was is an artefact. A second hit of
    a particle, one of its afterglow, and one in which several particles lie are left out: no class
    is right for them.

    Parameters
    ----------
    truth : Path
        `truth.jsonl` of the recording.
    own : sequence of Own
        Hits of its replay.
    left_out : Counter
        Gets what is left out.

    Yields
    ------
    Found
        Its group is the simulation and a block of 64 frames, of an artefact the place.

    Raises
    ------
    BadUse
        That is no truth, or the hits are of another recording.
    """
    notes: list[str] = []
    particles = read_truth(truth, notes)
    hits = _columns([one.hit for one in own])
    beside = find_beside(truth, notes)
    given = Given(particles, hits, beside, None, series_names_of(particles, hits, beside))
    misfit = given.misfit()
    if misfit is not None:
        raise BadUse(f"{truth}: the hits beside it are of another recording: {misfit}")
    series = given.hit_series()
    matching = match(particles, hits, series)
    several = _Several(particles)
    simulation = _simulation(truth)
    for i, one in enumerate(own):
        reason, label = _judge(i, particles, matching)
        if not reason and matching.true[i] and several.lie_in(i, hits, int(series[i]), matching):
            reason = "several particles are in one hit"
        if reason:
            left_out[reason] += 1
            continue
        message = one.hit.message
        part = place_group(message) if label == ARTEFACT else f"{message.frame // BLOCK_FRAMES}"
        group = f"{simulation}/{message.series}/{part}"
        yield labelled_found(one.pixels, label, group, one.name, place=one.place)


def _judge(index: int, particles: Particles, matching: Matching) -> tuple[str, int]:
    """Why a hit is left out ("": it is not), and its label."""
    if matching.false[index]:
        return "", ARTEFACT
    if matching.late[index]:
        return "afterglow of a particle", NO_LABEL
    if matching.duplicate[index]:
        return "second hit of one particle", NO_LABEL
    particle = int(matching.particle_of[index])
    label = label_of(particles.labels[int(particles.label[particle])])
    return ("" if label != NO_LABEL else "its particle has no class of ours"), label


class _Several:
    """Finds hits in which more than one particle lies: their picture is of no class."""

    def __init__(self, particles: Particles) -> None:
        self._particles = particles
        self._index = FrameIndex(particles)

    def lie_in(self, hit: int, hits: Hits, series: int, matching: Matching) -> bool:
        """Whether another particle is within reach of the hit, or touches the one it is."""
        own = int(matching.particle_of[hit])
        y_px, x_px = int(hits.y_px[hit]), int(hits.x_px[hit])
        frame = self._index.of_frame(series, int(hits.frame[hit]))
        for other in self._index.near(frame, y_px, x_px).tolist():
            rows, cols = self._particles.pixels(other)
            if other != own and np.hypot(rows - y_px, cols - x_px).min() <= MATCH_RADIUS_PX:
                return True
        return next(self._index.touching(own, self._particles), None) is not None


def _columns(stored: Sequence[StoredHit]) -> Hits:
    """Hits as `edge.scoring` wants them, in the same order."""
    series, labels = Names(), Names()
    rows = [
        (
            series.number(message.series),
            message.frame,
            message.x_px,
            message.y_px,
            parse_utc_ns(message.time_utc),
            labels.number(message.class_),
        )
        for message in (one.message for one in stored)
    ]
    series_of, frame, x_px, y_px, time_ns, label = np.array(rows, np.int64).reshape(-1, 6).T
    unknown = np.full(len(rows), np.nan)
    return Hits(
        series=series_of,
        frame=frame,
        x_px=x_px,
        y_px=y_px,
        time_ns=time_ns,
        label=label,
        centroid_x_px=unknown,
        centroid_y_px=unknown,
        series_names=series.all(),
        labels=labels.all(),
    )


def _simulation(truth: Path) -> str:
    """Name of a simulation: the same particles, however often and wherever they are replayed."""
    with truth.open("rb") as file:
        return f"{TRUTH_NAME} {hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
