"""Scans a copy of a chosen frame with one synthetic particle in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.detector import Detector
from edge.frame import Frame
from edge.injection.deposit import Readout, draw_peak_sigma, lay_in
from edge.injection.trial import Injected
from edge.monitor.choice import Choice
from edge.pixels.candidates import plain_pixels
from edge.presets.calibrated import CalibratedDetector


@dataclass(frozen=True, slots=True)
class Injector:
    """Copies chosen frames, lays a particle in and looks what the detector makes of it.

    Attributes
    ----------
    choice : Choice
        Which frames.
    pixel_pitch_um : float or None
        Where the camera does not state its own.
    adu_per_e : float or None
        Counts that an electron gives, for the shot noise.
    """

    choice: Choice
    pixel_pitch_um: float | None = None
    adu_per_e: float | None = None

    def inject(self, frame: Frame, detector: Detector) -> Injected | None:
        """Do it for a frame that was searched for hits; None where it is not chosen.

        A rule that knows no noise of its pixels (CREDO's) has no brightness in units of it: there
        is no injection then.
        """
        if not isinstance(detector, CalibratedDetector):
            return None
        random = self.choice.draw(frame)
        if random is None:
            return None
        # Late: with injection off, no start waits for the simulator.
        from edge.sources.particles import draw_deposit

        pixels = plain_pixels(frame).copy()
        deposit = lay_in(
            pixels,
            draw_deposit(random, self.pixel_pitch_um or frame.mode.pixel_pitch_um),
            draw_peak_sigma(random),
            Readout(detector.calibration.sigma_adu, frame.mode.full_scale_adu, self.adu_per_e),
            random,
        )
        copy = replace(
            frame,
            pixels=pixels,
            mode=replace(frame.mode, packing="none"),
            origin="injection",
            release=None,
        )
        scanned = detector.scan(copy)
        if isinstance(scanned, str):
            return Injected(deposit, lost="bad")
        lost = "flood" if scanned.flood else ""
        if not scanned.covered:
            lost = scanned.reason or "uncovered"
        return Injected(deposit, scanned.candidates, lost)
