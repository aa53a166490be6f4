"""Cameras that rigs are built of, in numbers: `PRESETS["pi-v2"]`.

Facts are stated by the makers or measured; what nobody publishes is an estimate and is called so.

- Size, pitch, depth: the sensors' product briefs (OmniVision OV5647, Sony IMX219 and IMX477).
- Raspberry Pi camera 1.3: well 4.3 ke-, dynamic range 67 dB at gain 8, dark current 16 mV/s at
  60 degC (Raspberry Pi, Camera Module v1.x, hardware specification). 67 dB under 4.3 ke- is a read
  noise of 1.9 e-. At an estimated 0.14 mV/e- the dark current is 115 e-/s at 60 degC, and some
  3.5 e-/s at 25 degC where it doubles every 7 degC.
- Raspberry Pi HQ: 0.47 DN/e- at gain 1, clipping at 8,180 e- above black, 3,400 e-/um2, read noise
  3 e- at gain 1 and 1.5 e- at gain 16, black level 256 (Strolls with my Dog, "Pi HQ Cam Sensor
  Performance"). `full_well_e` is full scale over the conversion gain, the black level included.
- Raspberry Pi camera 2: Sony states neither well nor noise; the HQ's well per area and noise in
  electrons are taken for it (estimate).
- Black levels 16 and 64 of 10 bits and 256 of 12: libcamera's tuning files for the three.
- Row noise: nobody states it; a tenth of the read noise (estimate). Dark currents: measured for
  the camera 1.3 (above) alone, taken over for the camera 2; those of the HQ, the webcam and the
  phone are estimates.
- Row times: line length over pixel rate in Linux's drivers (ov5647: 2844 / 87.5 MHz, imx219:
  3448 / 182.4 MHz, imx477: 24000 / 840 MHz); BGGR is the order their rows are read in by default.
- Sensitive depth: none of the makers states one. Track lengths gave 26.3 +- 1.4 um for one phone
  (Vandenbroucke et al., J. Instrum. 11 (2016) P04019), and worms of labelled phone hits agree with
  it (``python -m benchmarks.likeness``); thinned sensors have a few um: 10 um for the others
  (estimate).
- Webcam and phone are typical ones, not one product (estimates throughout): a 3 um sensor behind a
  USB bridge that gives 8-bit luma with black taken off; a phone's 1080p stream of a 1.4 um sensor.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from simulator.spec import SimulationSpec

_PI_V1 = SimulationSpec(
    sensor="ov5647",
    width_px=2592,
    height_px=1944,
    bit_depth=10,
    cfa="BGGR",
    fps=15.0,
    row_time_us=32.5,
    gain=8.0,
    full_well_e=4300.0,
    black_level_adu=16.0,
    read_noise_adu=3.6,  # 1.9 e-
    row_noise_adu=0.3,
    dark_current_e_per_s=3.5,
    pixel_pitch_um=1.4,
    sensitive_depth_um=10.0,
)

_PI_V2 = SimulationSpec(
    sensor="imx219",
    width_px=3280,
    height_px=2464,
    bit_depth=10,
    cfa="BGGR",
    fps=15.0,
    row_time_us=18.9,
    gain=8.0,
    full_well_e=4300.0,
    black_level_adu=64.0,
    read_noise_adu=3.4,  # 1.8 e-
    row_noise_adu=0.3,
    dark_current_e_per_s=3.5,
    pixel_pitch_um=1.12,
    sensitive_depth_um=10.0,
)

_PI_HQ = SimulationSpec(
    sensor="imx477",
    width_px=4056,
    height_px=3040,
    bit_depth=12,
    cfa="BGGR",
    fps=10.0,
    row_time_us=28.6,
    gain=16.0,
    full_well_e=8700.0,
    black_level_adu=256.0,
    read_noise_adu=11.5,  # 1.5 e-
    row_noise_adu=1.0,
    dark_current_e_per_s=2.0,
    pixel_pitch_um=1.55,
    sensitive_depth_um=10.0,
)

_WEBCAM = SimulationSpec(
    sensor="webcam",
    width_px=1280,
    height_px=720,
    bit_depth=8,
    fps=30.0,
    row_time_us=45.0,
    gain=8.0,
    full_well_e=10_000.0,
    black_level_adu=16.0,
    read_noise_adu=1.2,  # 6 e-
    dark_current_e_per_s=20.0,
    pixel_pitch_um=3.0,
    sensitive_depth_um=10.0,
    diffusion_um=1.5,
    black_clip=True,
)

_PHONE = SimulationSpec(
    sensor="phone",
    width_px=1920,
    height_px=1080,
    bit_depth=10,
    cfa="RGGB",
    route="phone",
    fps=30.0,
    row_time_us=25.0,
    gain=16.0,
    full_well_e=5000.0,
    black_level_adu=64.0,
    read_noise_adu=12.0,  # 3.7 e-
    dark_current_e_per_s=5.0,
    temperature_c=32.0,
    pixel_pitch_um=1.4,
    sensitive_depth_um=26.0,
    diffusion_um=1.5,
    substrate_um=3.0,
)

PRESETS: Mapping[str, SimulationSpec] = MappingProxyType(
    {"pi-v1": _PI_V1, "pi-v2": _PI_V2, "pi-hq": _PI_HQ, "webcam": _WEBCAM, "phone": _PHONE}
)
"""Each camera in full size; another size: `dataclasses.replace(spec, width_px=, height_px=)`."""


def preset(name: str) -> SimulationSpec:
    """Return a camera by its name.

    Raises
    ------
    ValueError
        One line with the nearest name.
    """
    if name not in PRESETS:
        near = difflib.get_close_matches(name.lower(), PRESETS, n=1, cutoff=0.4)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise ValueError(f'unknown preset "{name}"{hint} (there are {", ".join(PRESETS)})')
    return PRESETS[name]
