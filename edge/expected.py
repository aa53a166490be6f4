"""What a sensor is expected to see: its area, and the muons that cross it."""

from __future__ import annotations

from edge.config.model import Config
from edge.frame import SensorMode

_USUAL_AREA_CM2 = 0.1
"""Of a Pi camera's or a phone's sensor: where nothing is known."""


def sensor_area_cm2(config: Config, mode: SensorMode) -> float | None:
    """Sensitive area: stated, from the stated pixel pitch, or from the camera's."""
    display = config.display
    if display.sensor_area_cm2 is not None:
        return display.sensor_area_cm2
    if display.pixel_pitch_um is not None:
        return mode.width_px * mode.height_px * (display.pixel_pitch_um * 1e-4) ** 2
    return mode.area_cm2


def muons_per_s(config: Config, mode: SensorMode) -> float:
    """Muons expected on the sensor; on 0.1 cm² where its area is unknown."""
    area_cm2 = sensor_area_cm2(config, mode) or _USUAL_AREA_CM2
    return area_cm2 * config.display.muon_rate_per_cm2_min / 60
