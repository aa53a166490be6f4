"""What a simulation's settings may be, each alone and together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.spec import SimulationSpec

_LONGEST_NAME = 256

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
    "substrate_um": (0.0, 100.0),
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
    "leak_at_s": (0.0, 1e9),
    "leak_s": (0.001, 1e9),
    "leak_every_s": (0.001, 1e9),
    "leak_adu": (0.0, 1e6),
    "flashes_per_min": (0.0, 1e6),
    "flash_s": (1e-6, 1000.0),
    "flash_adu": (0.0, 1e6),
    "flicker_at_s": (0.0, 1e9),
    "flicker_s": (0.001, 1e9),
    "flicker_hz": (0.001, 1e6),
    "flicker_adu": (0.0, 1e6),
    "afterglow_share": (0.0, 1.0),
    "afterglow_frames": (0.1, 20.0),
    "birth_at_s": (0.0, 1e9),
    "birth_pixels": (1, 100_000),
    "column_at_s": (0.0, 1e9),
    "column_s": (0.001, 1e9),
    "column_adu": (0.0, 1e6),
    "first_row_noise_adu": (0.0, 65535.0),
    "repeat_rate": (0.0, 0.9),
    "tear_rate": (0.0, 1.0),
    "resize_rate": (0.0, 0.9),
    "hang_at_s": (0.0, 1e9),
    "hang_s": (0.001, 1e9),
    "hang_every_s": (0.001, 1e9),
    "jump_at_s": (0.0, 1e9),
    "jump_s": (-1e9, 1e9),
    "jump_every_s": (0.001, 1e9),
    "row_align_bytes": (1, 4096),
    "jpeg_quality": (50, 100),
}
"""Lowest and highest allowed value of each number (both included)."""

WORDS: Mapping[str, tuple[str, ...]] = {
    "cfa": ("", "RGGB", "BGGR", "GRBG", "GBRG"),
    "packing": ("none", "mipi10", "mipi12", "mipi14"),
    "route": ("raw", "phone"),
}
"""Allowed words of each setting that is one."""


def check(spec: SimulationSpec) -> None:
    """See that all settings are in range and fit together.

    Raises
    ------
    ValueError
        One line that names the field, its value and the allowed range.
    """
    for name, (low, high) in RANGES.items():
        _check_range(name, getattr(spec, name), low, high)
    _check_words(spec)
    _check_together(spec)


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
    for name, words in WORDS.items():
        if getattr(spec, name) not in words:
            known = ", ".join(map(repr, words))
            raise ValueError(f"{name} must be one of {known}, not {getattr(spec, name)!r}")
    if len(spec.sensor) > _LONGEST_NAME:
        raise ValueError(f"sensor must be at most {_LONGEST_NAME} characters")
    if spec.packing not in ("none", f"mipi{spec.bit_depth}"):
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
    _check_times(spec)


def _check_times(spec: SimulationSpec) -> None:
    if spec.uncover_s is not None and spec.uncover_at_s is None:
        raise ValueError("uncover_s needs uncover_at_s: from when light falls in")
    if spec.flashes_per_min > 0 and spec.flash_s > 1 / spec.fps:
        raise ValueError(f"flash_s must be at most 1/fps = {1 / spec.fps:g}, not {spec.flash_s:g}")
    for name in ("leak", "hang"):
        lasts, every = getattr(spec, f"{name}_s"), getattr(spec, f"{name}_every_s")
        if every is not None and every < lasts:
            raise ValueError(f"{name}_every_s must be at least {name}_s = {lasts:g}, not {every:g}")
    if spec.birth_at_s is not None and spec.birth_pixels > spec.width_px * spec.height_px // 2:
        raise ValueError(
            f"birth_pixels must be at most half of the {spec.width_px * spec.height_px} pixels, "
            f"not {spec.birth_pixels}"
        )


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
