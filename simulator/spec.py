"""What is simulated: sensor, particles, artefacts and faults."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from simulator.ranges import RANGES, check

__all__ = ["RANGES", "Cfa", "Packing", "Route", "SimulationSpec"]

Packing = Literal["none", "mipi10", "mipi12", "mipi14"]
Cfa = Literal["", "RGGB", "BGGR", "GRBG", "GBRG"]
Route = Literal["raw", "phone"]


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
        Standard deviation of the charge cloud that starts deepest in it.
    substrate_um : float
        Diffusion length in the silicon below, from where part of the charge arrives, spread out.
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
    leak_at_s, leak_s, leak_every_s : float or None
        A slow light leak at one edge: when it begins, how long it lasts (a third to rise, a third
        to fall), and when it comes again; None: never, and once.
    leak_adu : float or None
        Its light at the edge in a row's exposure; None: a tenth of the range above black.
    flashes_per_min : float
        Flashes over the whole sensor, at random times.
    flash_s, flash_adu : float, float or None
        A flash's length, at most a frame's, and its light; None: a tenth of the range. Rows that
        are not exposed then don't see it.
    flicker_at_s, flicker_s : float or None
        From when and for how long a light inside blinks; None: never, and for good.
    flicker_hz, flicker_adu : float, float or None
        Its rate, half of the time on, and its light in an exposure in which it is always on;
        None: a fiftieth of the range.
    afterglow_share, afterglow_frames : float
        Share of a bright hit's charge that is seen again in the next frame, and the frames in
        which that falls to 1/e.
    birth_at_s, birth_pixels : float or None, int
        When and how many pixels become hot; None: never.
    column_at_s, column_s, column_adu : float or None
        From when, for how long and by how much one column is brighter; None: never, for good, and
        a twentieth of the range.
    first_row_noise_adu : float
        Standard deviation of noise that only the first row has.
    repeat_rate : float
        Share of frames that come with the pixels of the frame before.
    tear_rate : float
        Share of frames whose lower rows are those of the frame before.
    resize_rate : float
        Share of frames at which the camera gives half the size for 3 frames.
    hang_at_s, hang_s, hang_every_s : float or None
        When the camera gives no frame, for how long, and when again; None: never, and once.
    jump_at_s, jump_s, jump_every_s : float or None
        When the frames' times step by `jump_s`, and when they step back and forth again; None:
        never, and once.
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
    diffusion_um: float = 0.5
    substrate_um: float = 1.0
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
    leak_at_s: float | None = None
    leak_s: float = 60.0
    leak_every_s: float | None = None
    leak_adu: float | None = None
    flashes_per_min: float = 0.0
    flash_s: float = 0.002
    flash_adu: float | None = None
    flicker_at_s: float | None = None
    flicker_s: float | None = None
    flicker_hz: float = 100.0
    flicker_adu: float | None = None
    afterglow_share: float = 0.0
    afterglow_frames: float = 4.0
    birth_at_s: float | None = None
    birth_pixels: int = 1
    column_at_s: float | None = None
    column_s: float | None = None
    column_adu: float | None = None
    first_row_noise_adu: float = 0.0
    repeat_rate: float = 0.0
    tear_rate: float = 0.0
    resize_rate: float = 0.0
    hang_at_s: float | None = None
    hang_s: float = 3.0
    hang_every_s: float | None = None
    jump_at_s: float | None = None
    jump_s: float = 1.0
    jump_every_s: float | None = None
    black_clip: bool = False
    sensor: str = "simulated"
    cfa: Cfa = ""
    packing: Packing = "none"
    row_align_bytes: int = 1
    route: Route = "raw"
    jpeg_quality: int = 95

    def __post_init__(self) -> None:
        check(self)

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

    def share_adu(self, stated_adu: float | None, share: float) -> float:
        """Return the stated level of light, or a share of the range above black."""
        return share * (self.full_scale_adu - self.black_adu) if stated_adu is None else stated_adu

    def _scaled(self, at_10_bits: float) -> float:
        return math.ldexp(at_10_bits, self.bit_depth - 10)
