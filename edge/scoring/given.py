"""The files of a score together: whether they are of one recording, and what they say of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.scoring.beside import Beside
from edge.scoring.exposure import Exposure
from edge.scoring.hits import Hits
from edge.scoring.rates import FalseRate
from edge.scoring.truth import Particles


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What there is to score by; `series_names` name the particles' series."""

    particles: Particles
    hits: Hits
    beside: Beside | None
    records: Exposure | None
    series_names: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the frames, where known."""
        if self.beside is not None:
            return self.beside.size
        sizes = self.records.sizes if self.records is not None else None
        return min(sizes) if sizes else None

    def misfit(self) -> str | None:
        """Say why the hits can't be of this recording; None: they can."""
        hits, size = self.hits, self.size
        known = {self.beside.series} if self.beside is not None else set(self.series_names)
        for name in hits.series_names:
            if known and name not in known:
                return f"series {name!r} is not in it"
        strange = self.records.sizes - {size} if self.records is not None else None
        if size is not None and strange:
            width, height = min(strange)
            return f"frames of {width} x {height} px, there {size[0]} x {size[1]}"
        if not len(hits):
            return None
        frame, x_px, y_px = (int(one.max()) for one in (hits.frame, hits.x_px, hits.y_px))
        if self.beside is not None and frame >= self.beside.frames:
            return f"a hit in frame {frame}, there are {self.beside.frames} frames"
        if size is not None and (x_px >= size[0] or y_px >= size[1]):
            return f"a hit at {x_px}, {y_px} px in frames of {size[0]} x {size[1]} px"
        return None

    def hit_series(self) -> NDArray[np.int64]:
        """Series of each hit as the particles count them; -1 where they know none so named."""
        known = {name: i for i, name in enumerate(self.series_names)}
        numbers = [known.get(name, -1) for name in self.hits.series_names]
        return np.asarray(np.array(numbers or [-1], dtype=np.int64)[self.hits.series])

    def false_rate(self, false_hits: int) -> FalseRate:
        """Put false hits against the time and pixels that were looked at."""
        if self.records is not None:
            return FalseRate(
                false_hits,
                self.records.live_time_ns,
                "exposure",
                self.records.reads,
                self.records.false_per_hour,
                self.records.false_from,
            )
        if self.beside is None:
            return FalseRate(false_hits, None, "", 0)
        time_ns, frames = self.beside.exposed()
        width, height = self.beside.size
        return FalseRate(false_hits, time_ns, "frames", frames * width * height)


def series_names_of(particles: Particles, hits: Hits, beside: Beside | None) -> tuple[str, ...]:
    """Name of each series of a truth; what tells none takes the recording's or the hits' own."""
    if beside is not None:
        only: str | None = beside.series
    else:
        only = hits.series_names[0] if len(hits.series_names) == 1 else ""
    return tuple((only or "") if name is None else name for name in particles.series_names)
