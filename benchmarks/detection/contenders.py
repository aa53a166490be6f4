"""Every rule that runs, by name, with what it sees and what was done in its favour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.detection.peers import (
    cmosdetector,
    crayfis,
    credo_android,
    credo_ios,
    credo_linux,
    credo_webcam,
    pixel_sigma,
    plain,
)
from benchmarks.detection.rule import Rule, Setting, View

Maker = Callable[[Setting], Rule]
EIGHT_BIT: tuple[View, ...] = ("linear8", "srgb8")
NATIVE: tuple[View, ...] = ("native",)

OURS = "cosmic-edge"
PLAIN = "plain threshold"
PIXEL_SIGMA = "σ of each pixel"
CURVES = (PLAIN, PIXEL_SIGMA)
"""Families that are one rule at many thresholds."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A rule as it is run.

    Attributes
    ----------
    name : str
        As the table shows it.
    family : str
        What a plot joins: a rule's variants share it.
    make : callable
        Makes a fresh one for a stream.
    views : tuple of str
        What it is shown, one after the other; on a stream of 8 bits that is the stream itself.
    favour : str
        What was done to give it its best honest chance.
    """

    name: str
    family: str
    make: Maker
    views: tuple[View, ...]
    favour: str

    def seen(self, there: tuple[View, ...]) -> tuple[View, ...]:
        """Views of a stream that it is run on."""
        return tuple(view for view in self.views if view in there) or NATIVE


def contenders() -> list[Contender]:
    """All peers."""
    return [*_thresholds(), *_programs()]


def _plain(k_sigma: float) -> Maker:
    return lambda setting: plain.PlainThreshold(k_sigma, _first_frames(setting))


def _pixel(k_sigma: float) -> Maker:
    return lambda setting: pixel_sigma.PixelSigma(k_sigma, _first_frames(setting))


def _first_frames(setting: Setting) -> int:
    """Frames for a level: the usual 500, or a quarter of a shorter stream."""
    return min(plain.CALIBRATION_FRAMES, setting.frames // 4)


def _thresholds() -> list[Contender]:
    return [
        *(
            Contender(f"{PLAIN} {k:g} σ", PLAIN, _plain(k), NATIVE, plain.KIND)
            for k in plain.CURVE_SIGMA
        ),
        *(
            Contender(f"{PIXEL_SIGMA} {k:g} σ", PIXEL_SIGMA, _pixel(k), NATIVE, pixel_sigma.KIND)
            for k in pixel_sigma.CURVE_SIGMA
        ),
    ]


def _programs() -> list[Contender]:
    return [
        Contender(
            "CREDO 1.3",
            "CREDO 1.3",
            lambda s: credo_android.CredoAndroid(s.fps),
            EIGHT_BIT,
            credo_android.KIND,
        ),
        Contender(
            "CREDO 1.3, 980 ‰",
            "CREDO 1.3",
            lambda s: credo_android.CredoAndroid(s.fps, credo_android.LENIENT_PERMILLE),
            EIGHT_BIT,
            credo_android.LENIENT_KIND,
        ),
        Contender(
            "CREDO 1.3, 980 ‰ + server",
            "CREDO 1.3",
            lambda s: credo_android.CredoAndroid(
                s.fps, credo_android.LENIENT_PERMILLE, server=True
            ),
            EIGHT_BIT,
            credo_android.SERVER_KIND,
        ),
        Contender(
            "CREDO iOS",
            "CREDO iOS",
            lambda s: credo_ios.CredoIos(s.fps),
            EIGHT_BIT,
            credo_ios.KIND,
        ),
        Contender(
            "CREDO iOS, fast servo",
            "CREDO iOS",
            lambda s: credo_ios.CredoIos(s.fps, 30 / s.particles_per_min),
            EIGHT_BIT,
            credo_ios.FAST_KIND,
        ),
        Contender(
            "CREDO-Linux",
            "CREDO-Linux",
            lambda s: credo_linux.CredoLinux(),
            EIGHT_BIT,
            credo_linux.KIND,
        ),
        Contender(
            "cmosdetector",
            "cmosdetector",
            lambda s: cmosdetector.CmosDetector(),
            EIGHT_BIT,
            cmosdetector.KIND,
        ),
        Contender(
            "CREDO_webcam",
            "CREDO_webcam",
            lambda s: credo_webcam.CredoWebcam(),
            EIGHT_BIT,
            credo_webcam.KIND,
        ),
        Contender(
            "CRAYFIS",
            "CRAYFIS",
            lambda s: _crayfis(s, crayfis.EVENTS_PER_MIN),
            NATIVE,
            crayfis.KIND,
        ),
        Contender(
            "CRAYFIS, high rate",
            "CRAYFIS",
            lambda s: _crayfis(s, 2 * s.particles_per_min),
            NATIVE,
            crayfis.FAST_KIND,
        ),
    ]


def _crayfis(setting: Setting, events_per_min: float) -> Rule:
    return crayfis.Crayfis(
        setting.fps,
        setting.frames,
        setting.black_adu,
        setting.full_scale_adu,
        max(events_per_min, 1.0),
    )
