"""Frames with truth, each by its number alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from simulator.artefacts import Artefacts
from simulator.faults import Faults, draw_faults, is_hanging, time_shift_ns
from simulator.light import Light
from simulator.lines import add_line_noise
from simulator.particles import Deposit, draw_particle
from simulator.phone import PhoneRoute
from simulator.rates import expected_hits
from simulator.render import Patch, render
from simulator.sensor import Counts, Sensor, add_electrons, digitise, expose
from simulator.spec import SimulationSpec
from simulator.streams import Purpose, stream
from simulator.telegraph import TelegraphPixels
from simulator.truth import Truth, make_truth

# Frames whose particles and faults are kept, so that they are drawn once.
_KEPT_PARTICLES = 4
_KEPT_FAULTS = 8


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedFrame:
    """One frame and what is true of it.

    Attributes
    ----------
    index : int
        Its number, from 0.
    pixels : ndarray, shape (height, width), uint8 or uint16
        Read-only. A truncated frame has fewer rows, one of another size half the rows and
        columns; a dropped one keeps the pixels nobody got.
    truth : tuple of Truth
        The particles of its own exposure (empty where it was not asked for).
    faults : Faults
        What befell it.
    """

    index: int
    pixels: Counts
    truth: tuple[Truth, ...]
    faults: Faults

    @property
    def covered(self) -> bool:
        """False while light falls in."""
        return self.faults.covered

    @property
    def dropped(self) -> bool:
        """It never arrives."""
        return self.faults.dropped

    @property
    def truncated(self) -> bool:
        """It arrives without its last rows."""
        return self.faults.truncated


@dataclass(frozen=True, slots=True, eq=False)
class _Particle:
    deposit: Deposit
    patch: Patch
    exposure_share: float


class Simulation:
    """A simulated camera: any frame, in any order, from (spec, number) alone.

    Frames are the same on every call, in every process, for any number of threads, for one
    version of NumPy (its policy, NEP 19, lets a generator's stream change between versions). From
    one kind of machine to another, exponentials and logarithms may differ in their last bit. That
    shows only where this bit decides a rounding, or whether NumPy's generator takes a number or
    draws again: less than once in 10^9 pixels. The phone's route also needs the same build of
    OpenCV.
    """

    def __init__(self, spec: SimulationSpec) -> None:
        self.spec = spec
        self.sensor = Sensor(spec)
        self._telegraph = TelegraphPixels(spec, self.sensor)
        self._light = Light(spec)
        self._particles = lru_cache(_KEPT_PARTICLES)(partial(_draw_particles, spec))
        self._faults = lru_cache(_KEPT_FAULTS)(partial(draw_faults, spec, light=self._light))
        patches = partial(_patches, self._particles)
        self._artefacts = Artefacts(spec, self._light, patches)
        self._phone = PhoneRoute(spec, self.sensor) if spec.route == "phone" else None

    def frame(self, index: int, *, with_truth: bool = True) -> SimulatedFrame:
        """Make frame `index` (0 or more), as it arrives."""
        spec, faults = self.spec, self.faults(index)
        counts = self._exposed(faults.shows)
        if faults.torn_row is not None and faults.below is not None:
            counts[faults.torn_row :] = self._exposed(faults.below)[faults.torn_row :]
        if faults.truncated:
            counts = counts[: faults.rows]
        elif faults.resized:
            counts = counts[: spec.height_px // 2, : spec.width_px // 2].copy()
        counts.flags.writeable = False
        return SimulatedFrame(index, counts, self.truth(index) if with_truth else (), faults)

    def truth(self, index: int) -> tuple[Truth, ...]:
        """Tell the particles of frame `index` without making its pixels."""
        particles = self._particles(index)
        covered = bool(particles) and self.faults(index).covered
        return tuple(self._truth(particle, index, covered) for particle in particles)

    def faults(self, index: int) -> Faults:
        """Tell what befalls frame `index` without making it."""
        return self._faults(index)

    def artefacts(self, index: int) -> list[dict[str, Any]]:
        """Tell artefacts and faults of frame `index`, ready for JSON, a dict each.

        A repeated or torn frame shows artefacts of earlier frames: these are told there.
        """
        spec, faults = self.spec, self.faults(index)
        found = self._artefacts.describe(index)
        if is_hanging(spec, index):
            found.append({"artefact": "hang"})
        elif faults.dropped:
            found.append({"artefact": "dropped"})
        if faults.truncated:
            found.append({"artefact": "truncated", "rows": faults.rows})
        if faults.resized:
            found.append({"artefact": "resized"})
        if faults.shows != index:
            found.append({"artefact": "repeated", "of_sequence": faults.shows})
        if faults.torn_row is not None:
            torn = {"artefact": "torn", "y_px": faults.torn_row, "of_sequence": faults.below}
            found.append(torn)
        before_ns = self.time_shift_ns(index - 1) if index else 0
        if self.time_shift_ns(index) != before_ns:
            step_s = (self.time_shift_ns(index) - before_ns) * 1e-9
            found.append({"artefact": "time_jump", "step_s": step_s})
        return found

    def time_shift_ns(self, index: int) -> int:
        """How far the time that frame `index` states is from the right one."""
        return time_shift_ns(self.spec, index)

    def _exposed(self, index: int) -> Counts:
        """Pixels of one exposure, as the camera makes them where nothing goes wrong."""
        spec = self.spec
        random = stream(spec.seed, Purpose.NOISE, index)
        dark = self.sensor.dark(index)
        pixels = expose(dark, random)
        for particle in self._particles(index):
            add_electrons(pixels, particle.patch, spec, random, self.sensor.response)
        self._telegraph.add(pixels, index, dark.temperature_c)
        add_line_noise(pixels, spec, index)
        self._artefacts.add(pixels, index)
        self._light.add(pixels, index)
        counts = digitise(pixels, spec)
        return counts if self._phone is None else self._phone.develop(counts)

    def _truth(self, particle: _Particle, index: int, covered: bool) -> Truth:
        truth = make_truth(
            particle.deposit,
            particle.patch,
            self.sensor,
            self.spec,
            frame=index,
            exposure_share=particle.exposure_share,
            covered=covered,
        )
        return truth if self._phone is None else self._phone.tell(truth, particle.patch, index)


def _draw_particles(spec: SimulationSpec, index: int) -> tuple[_Particle, ...]:
    """Draw the particles of one exposure: a Poisson process in time."""
    random = stream(spec.seed, Purpose.PARTICLES, index)
    found = []
    for _ in range(int(random.poisson(expected_hits(spec)))):
        deposit = draw_particle(spec, random)
        share = random.random()
        patch = render(deposit, spec)
        if patch is not None:
            found.append(_Particle(deposit, patch, share))
    return tuple(found)


def _patches(particles: Callable[[int], Sequence[_Particle]], index: int) -> list[Patch]:
    return [particle.patch for particle in particles(index)]


def lost_in(truth: Truth, faults: Faults) -> str | None:
    """Say why a particle's frame arrived but its pixels did not: "repeated", "torn"; None: it did.

    A repeat carries the pixels of another frame, and so do the lower rows of a torn one.
    """
    if faults.shows != truth.frame:
        return "repeated"
    if faults.torn_row is not None and int(truth.rows.max(initial=truth.y_px)) >= faults.torn_row:
        return "torn"
    return None
