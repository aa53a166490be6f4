"""What is simulated: sensor, particles and faults, with their allowed ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Packing = Literal["none", "mipi10", "mipi12", "mipi14"]
Cfa = Literal["", "RGGB", "BGGR", "GRBG", "GBRG"]
Route = Literal["raw", "phone"]

# Lowest and highest allowed value of each number (both included).
RANGES: Mapping[str, tuple[float, float]] = {
    "width_px": (16, 8192),
    "height_px": (16, 8192),
    "bit_depth": (8, 16),
    "fps": (0.001, 1000.0),
    "exposure_s": (1e-6, 1000.0),
    "row_time_us": (0.0, 1e6),
    "seed": (0, 2**64 - 1),
    "gain": (0.1, 1000.0),
    "full_well_e": (100.0, 1e6),
    "black_level_adu": (0.0, 65535.0),
    "read_noise_adu": (0.0, 65535.0),
    "fixed_pattern_adu": (0.0, 65535.0),
    "row_noise_adu": (0.0, 65535.0),
    "column_noise_adu": (0.0, 65535.0),
    "column_pattern_adu": (0.0, 65535.0),
    "prnu": (0.0, 0.5),
    "dark_current_e_per_s": (0.0, 1e6),
    "dark_spread": (0.0, 3.0),
    "dark_tail_share": (0.0, 1.0),
    "dark_doubling_c": (1.0, 100.0),
    "dark_reference_c": (-100.0, 150.0),
    "temperature_c": (-100.0, 150.0),
    "temperature_drift_c": (-200.0, 200.0),
    "temperature_drift_s": (0.001, 1e9),
    "pixel_pitch_um": (0.5, 100.0),
    "sensitive_depth_um": (0.5, 500.0),
    "diffusion_um": (0.0, 100.0),
    "hits_per_min": (0.0, 1e6),
    "flux_per_cm2_min": (0.0, 1e6),
    "spot_share": (0.0, 1e6),
    "track_share": (0.0, 1e6),
    "worm_share": (0.0, 1e6),
    "alpha_share": (0.0, 1e6),
    "hot_pixels": (0, 10_000_000),
    "warm_pixels": (0, 10_000_000),
    "telegraph_pixels": (0, 100_000),
    "telegraph_low_sigma": (0.1, 1e5),
    "telegraph_high_sigma": (0.1, 1e5),
    "telegraph_dwell_low_frames": (2.0, 1e9),
    "telegraph_dwell_high_frames": (2.0, 1e9),
    "drop_rate": (0.0, 1.0),
    "bad_rate": (0.0, 1.0),
    "uncover_at_s": (0.0, 1e9),
    "uncover_s": (0.0, 1e9),
    "row_align_bytes": (1, 4096),
    "jpeg_quality": (50, 100),
}


@dataclass(frozen=True, slots=True)
class SimulationSpec:
    """A simulated rig. Two equal specs give the same frames, byte for byte.

    Attributes
    ----------
    width_px, height_px : int
        Size of a frame.
    bit_depth : int
        8 gives uint8 frames, 9 to 16 uint16.
    fps : float
        Frames in a second.
    exposure_s : float or None
        Exposure of a row, at most 1 / fps; None: 99 % of 1 / fps. Particles between two exposures
        leave nothing.
    row_time_us : float or None
        Time from one row's start to the next (rolling shutter); None: the rows start spread over
        80 % of 1 / fps. 0 is a global shutter.
    seed : int
        Of everything that is random.
    gain : float
        Analogue gain: at 1 a full well just reaches full scale.
    full_well_e : float
        Electrons that a pixel holds.
    black_level_adu : float or None
        Level of a pixel without light; None: 64 at 10 bits, scaled to the bit depth.
    read_noise_adu : float or None
        Standard deviation of the readout; None: 2.0 at 10 bits, scaled to the bit depth.
    fixed_pattern_adu : float or None
        Standard deviation of the pixels' own offsets; None: a quarter of the read noise.
    row_noise_adu : float
        Standard deviation of an offset that a row shares, new in each frame.
    column_noise_adu : float
        Standard deviation of an offset that a column shares, new in each frame.
    column_pattern_adu : float
        Standard deviation of an offset that a column always has.
    prnu : float
        Standard deviation of the pixels' response, as a share of it.
    dark_current_e_per_s : float
        Median dark current of a pixel at `dark_reference_c`.
    dark_spread : float
        Spread of the dark current from pixel to pixel: the sigma of its logarithm.
    dark_tail_share : float
        Share of pixels with a dark current some ten times larger still.
    dark_doubling_c : float
        Warming that doubles the dark current; hot pixels have their own, up to 1.5 away.
    dark_reference_c : float
        Temperature for which dark current and the excess of bad pixels are given.
    temperature_c : float
        Of the sensor at the start; reported with each frame.
    temperature_drift_c, temperature_drift_s : float
        How far the temperature goes from there, evenly, and within what time; then it stays.
    pixel_pitch_um, sensitive_depth_um : float
        A pixel's side, and the depth of silicon whose charge is collected.
    diffusion_um : float
        Standard deviation of the charge cloud that starts deepest.
    hits_per_min : float
        Particles on the whole sensor in a minute of exposure.
    flux_per_cm2_min : float or None
        Particles on a square centimetre in a minute of exposure; None: as `hits_per_min` says.
    spot_share, track_share, worm_share : float
        Weights of the classes among the particles.
    alpha_share : float
        Weight of alphas beside these: spots too, but large.
    hot_pixels : int
        Pixels with a stable excess, log-uniform between 10 sigma of the noise and full scale.
    warm_pixels : int
        Pixels with a stable excess, log-uniform between 1 and 10 sigma of the noise.
    telegraph_pixels : int
        Pixels that jump between two levels.
    telegraph_low_sigma, telegraph_high_sigma : float
        Between these lie the jumps, log-uniform, in sigma of the noise.
    telegraph_dwell_low_frames, telegraph_dwell_high_frames : float
        Between these lie a telegraph pixel's two mean dwell times, log-uniform.
    drop_rate : float
        Share of frames that never arrive.
    bad_rate : float
        Share of frames that arrive truncated.
    uncover_at_s, uncover_s : float or None
        From when and for how long light falls in; None: it stays covered. Without `uncover_s` the
        light stays.
    black_clip : bool
        True: the camera subtracts its black level and cuts what is below it to 0.
    sensor : str
        Name that frames carry.
    cfa : str
        Order of the colours in a 2 x 2 cell ("BGGR"); "": a sensor without colours.
    packing : str
        How a frame's pixels lie in memory: "none" (uint8 at 8 bits, else uint16), or "mipi10",
        "mipi12", "mipi14" (bytes; the bit depth has to fit).
    row_align_bytes : int
        A packed row is padded to a multiple of so many bytes (1: not at all).
    route : str
        "raw": what the converter gives. "phone": demosaic, noise reduction, luma of 8 bits and
        JPEG; all values in ADU are still the sensor's, at `bit_depth`.
    jpeg_quality : int
        Of the phone's JPEG.

    Raises
    ------
    ValueError
        One line that names the field, its value and the allowed range.
    """

    width_px: int = 320
    height_px: int = 240
    bit_depth: int = 10
    fps: float = 30.0
    exposure_s: float | None = None
    row_time_us: float | None = None
    seed: int = 1
    gain: float = 4.0
    full_well_e: float = 4500.0
    black_level_adu: float | None = None
    read_noise_adu: float | None = None
    fixed_pattern_adu: float | None = None
    row_noise_adu: float = 0.0
    column_noise_adu: float = 0.0
    column_pattern_adu: float = 0.0
    prnu: float = 0.01
    dark_current_e_per_s: float = 10.0
    dark_spread: float = 0.5
    dark_tail_share: float = 0.002
    dark_doubling_c: float = 6.5
    dark_reference_c: float = 25.0
    temperature_c: float = 25.0
    temperature_drift_c: float = 0.0
    temperature_drift_s: float = 600.0
    pixel_pitch_um: float = 1.4
    sensitive_depth_um: float = 15.0
    diffusion_um: float = 0.8
    hits_per_min: float = 60.0
    flux_per_cm2_min: float | None = None
    spot_share: float = 0.4
    track_share: float = 0.4
    worm_share: float = 0.2
    alpha_share: float = 0.01
    hot_pixels: int = 40
    warm_pixels: int = 0
    telegraph_pixels: int = 4
    telegraph_low_sigma: float = 5.0
    telegraph_high_sigma: float = 50.0
    telegraph_dwell_low_frames: float = 5.0
    telegraph_dwell_high_frames: float = 10_000.0
    drop_rate: float = 0.0
    bad_rate: float = 0.0
    uncover_at_s: float | None = None
    uncover_s: float | None = None
    black_clip: bool = False
    sensor: str = "simulated"
    cfa: Cfa = ""
    packing: Packing = "none"
    row_align_bytes: int = 1
    route: Route = "raw"
    jpeg_quality: int = 95

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            _check_range(name, getattr(self, name), low, high)
        _check_words(self)
        _check_together(self)

    @property
    def frame_bit_depth(self) -> int:
        """Bits of the frames that leave the camera: a phone gives 8."""
        return 8 if self.route == "phone" else self.bit_depth

    @property
    def full_scale_adu(self) -> int:
        """Largest value a pixel can have."""
        return (1 << self.bit_depth) - 1

    @property
    def adu_per_e(self) -> float:
        """ADU that an electron gives."""
        return self.full_scale_adu * self.gain / self.full_well_e

    @property
    def black_adu(self) -> float:
        """Black level before any clipping, resolved."""
        return self._scaled(64.0) if self.black_level_adu is None else self.black_level_adu

    @property
    def noise_adu(self) -> float:
        """Read noise, resolved."""
        return self._scaled(2.0) if self.read_noise_adu is None else self.read_noise_adu

    @property
    def saturation_adu(self) -> float:
        """Where a pixel is full: by its well or by the converter, whichever is lower."""
        return min(self.full_scale_adu, self.black_adu + self.full_well_e * self.adu_per_e)

    @property
    def area_cm2(self) -> float:
        """Area of the simulated pixels."""
        return self.width_px * self.height_px * (self.pixel_pitch_um * 1e-4) ** 2

    @property
    def pattern_adu(self) -> float:
        """Standard deviation of the fixed pattern, resolved."""
        fixed = self.fixed_pattern_adu
        return 0.25 * self.noise_adu if fixed is None else fixed

    @property
    def frame_duration_ns(self) -> int:
        """Time from one frame to the next."""
        return round(1e9 / self.fps)

    @property
    def exposure_ns(self) -> int:
        """Exposure of a row, resolved."""
        seconds = 0.99 / self.fps if self.exposure_s is None else self.exposure_s
        return round(seconds * 1e9)

    @property
    def row_time_ns(self) -> int:
        """Time from one row's start to the next, resolved."""
        if self.row_time_us is None:
            return round(0.8e9 / self.fps / self.height_px)
        return round(self.row_time_us * 1e3)

    def _scaled(self, at_10_bits: float) -> float:
        return math.ldexp(at_10_bits, self.bit_depth - 10)


def _check_range(name: str, value: float | None, low: float, high: float) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, not {value!r}")
    whole = isinstance(low, int)
    if whole and not isinstance(value, int):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    if not low <= value <= high:  # NaN fails too
        raise ValueError(f"{name} must be {low:g} to {high:g}, not {value:g}")


def _check_words(spec: SimulationSpec) -> None:
    for name, kind in (("cfa", Cfa), ("packing", Packing), ("route", Route)):
        if getattr(spec, name) not in get_args(kind):
            words = ", ".join(map(repr, get_args(kind)))
            raise ValueError(f"{name} must be one of {words}, not {getattr(spec, name)!r}")
    if spec.packing != "none" and spec.packing != f"mipi{spec.bit_depth}":
        raise ValueError(f"packing {spec.packing} does not hold {spec.bit_depth} bits")
    if spec.route == "phone" and (not spec.cfa or spec.packing != "none"):
        raise ValueError("route phone needs a cfa, such as BGGR, and packing none")


def _check_together(spec: SimulationSpec) -> None:
    if spec.exposure_s is not None and spec.exposure_s > 1 / spec.fps:
        raise ValueError(
            f"exposure_s must be at most 1/fps = {1 / spec.fps:g}, not {spec.exposure_s:g}"
        )
    if spec.row_time_us is not None and spec.row_time_us * 1e-6 * spec.height_px > 1 / spec.fps:
        most = 1e6 / spec.fps / spec.height_px
        raise ValueError(
            f"row_time_us must be at most {most:g} at {spec.fps:g} frames/s and "
            f"{spec.height_px} rows, not {spec.row_time_us:g}"
        )
    if spec.black_adu >= spec.full_scale_adu:
        raise ValueError(
            f"black_level_adu must be below full scale {spec.full_scale_adu}, "
            f"not {spec.black_adu:g}"
        )
    _check_shares(spec)
    _check_bad_pixels(spec)
    if spec.uncover_s is not None and spec.uncover_at_s is None:
        raise ValueError("uncover_s needs uncover_at_s: from when light falls in")


def _check_shares(spec: SimulationSpec) -> None:
    shares = spec.spot_share + spec.track_share + spec.worm_share + spec.alpha_share
    if (spec.flux_per_cm2_min or spec.hits_per_min) > 0 and shares <= 0:
        raise ValueError("spot_share, track_share, worm_share and alpha_share must not all be 0")


def _check_bad_pixels(spec: SimulationSpec) -> None:
    bad = spec.hot_pixels + spec.warm_pixels + spec.telegraph_pixels
    if bad > spec.width_px * spec.height_px // 2:
        raise ValueError(
            f"hot_pixels, warm_pixels and telegraph_pixels must be at most half of the "
            f"{spec.width_px * spec.height_px} pixels together, not {bad}"
        )
    for name in ("telegraph_{}_sigma", "telegraph_dwell_{}_frames"):
        low, high = (getattr(spec, name.format(end)) for end in ("low", "high"))
        if low > high:
            raise ValueError(
                f"{name.format('low')} must be at most {name.format('high')} = {high:g}, "
                f"not {low:g}"
            )
