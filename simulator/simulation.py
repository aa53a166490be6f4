"""Frames with truth, each by its number alone."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults import Faults, add_light, draw_faults, is_covered
from simulator.lines import add_line_noise
from simulator.particles import draw_particle
from simulator.rates import expected_hits
from simulator.render import Patch, render
from simulator.sensor import Counts, Sensor, add_electrons, digitise, expose
from simulator.spec import SimulationSpec
from simulator.streams import Purpose, stream
from simulator.telegraph import TelegraphPixels
from simulator.truth import Truth, make_truth


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedFrame:
    """One frame and what is true of it.

    Attributes
    ----------
    index : int
        Its number, from 0.
    pixels : ndarray, shape (height, width), uint8 or uint16
        Read-only. A truncated frame has fewer rows; a dropped one keeps the pixels nobody got.
    truth : tuple of Truth
        Its particles.
    covered : bool
        False while light falls in.
    dropped : bool
        It never arrives.
    truncated : bool
        It arrives without its last rows.
    """

    index: int
    pixels: Counts
    truth: tuple[Truth, ...]
    covered: bool
    dropped: bool
    truncated: bool


class Simulation:
    """A simulated camera: any frame, in any order, from (spec, number) alone.

    Frames are the same on every call, in every process, for one version of NumPy (its policy,
    NEP 19, lets a generator's stream change between versions).
    """

    def __init__(self, spec: SimulationSpec) -> None:
        self.spec = spec
        self.sensor = Sensor(spec)
        self._telegraph = TelegraphPixels(spec, self.sensor)

    def frame(self, index: int) -> SimulatedFrame:
        """Make frame `index` (0 or more)."""
        spec = self.spec
        faults = draw_faults(spec, index)
        particles = self._particles(index, faults.covered)
        random = stream(spec.seed, Purpose.NOISE, index)
        dark = self.sensor.dark(index)
        pixels = expose(dark, random)
        for patch, _ in particles:
            add_electrons(pixels, patch, spec, random, self.sensor.response)
        self._telegraph.add(pixels, index, dark.temperature_c)
        add_line_noise(pixels, spec, index)
        if not faults.covered:
            add_light(pixels, spec, index)
        counts = digitise(pixels, spec)
        if faults.truncated:
            counts = counts[: self._rows_left(index)]
        counts.flags.writeable = False
        return self._frame(index, counts, tuple(truth for _, truth in particles), faults)

    def truth(self, index: int) -> tuple[Truth, ...]:
        """Tell the particles of frame `index` without making its pixels."""
        covered = is_covered(self.spec, index)
        return tuple(truth for _, truth in self._particles(index, covered))

    def faults(self, index: int) -> Faults:
        """Tell what befalls frame `index` without making it."""
        return draw_faults(self.spec, index)

    def _particles(self, index: int, covered: bool) -> list[tuple[Patch, Truth]]:
        """Draw the particles of one exposure: a Poisson process in time."""
        spec = self.spec
        random = stream(spec.seed, Purpose.PARTICLES, index)
        found = []
        for _ in range(int(random.poisson(expected_hits(spec)))):
            deposit = draw_particle(spec, random)
            share = random.random()
            patch = render(deposit, spec)
            if patch is not None:
                truth = make_truth(
                    deposit,
                    patch,
                    self.sensor,
                    spec,
                    frame=index,
                    exposure_share=share,
                    covered=covered,
                )
                found.append((patch, truth))
        return found

    def _rows_left(self, index: int) -> int:
        # The fault's own stream, past the two numbers that decided on it.
        random = stream(self.spec.seed, Purpose.FAULTS, index)
        return int(random.random(3)[2] * self.spec.height_px)

    @staticmethod
    def _frame(
        index: int, counts: Counts, truth: tuple[Truth, ...], faults: Faults
    ) -> SimulatedFrame:
        return SimulatedFrame(
            index, counts, truth, faults.covered, faults.dropped, faults.truncated
        )
