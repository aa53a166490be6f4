"""The source: does it open, does a frame come, is it dark."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from edge.doctor.check import Finding
from edge.frame import BadFrame, Frame, FrameSource, SensorMode

_MOST_BAD_FRAMES = 20


def camera(
    url: str, open_source: Callable[[str], FrameSource], *, rig_runs: bool = False
) -> Finding:
    """Open the source and take one frame.

    Parameters
    ----------
    url : str
        Source URL.
    open_source : callable
        `edge.sources.open_source`.
    rig_runs : bool
        A rig runs on this state folder: it holds the camera, which is not touched then.
    """
    if rig_runs:
        return Finding("ok", f"not opened, the rig that runs here has it ({url})")
    begun = time.monotonic()
    with closing(open_source(url)) as source:
        for number, item in enumerate(source.frames(), start=1):
            if isinstance(item, Frame):
                return _judge(url, item, time.monotonic() - begun)
            if number >= _MOST_BAD_FRAMES:
                return _only_bad(url, item, number)
    return Finding("fail", f"{url}: opens, but gives no frame", "look at its cable and its power")


def _only_bad(url: str, last: BadFrame, bad: int) -> Finding:
    return Finding(
        "fail",
        f"{url}: its first {bad} frames are bad ({last.reason}: {last.detail})",
        "look at its cable, its power and its options",
    )


def _judge(url: str, frame: Frame, seconds: float) -> Finding:
    from calibration.cover import frame_level, obviously_light
    from edge.pixels.candidates import plain_pixels

    mode = frame.mode
    level = frame_level(plain_pixels(frame))
    light = obviously_light(level, mode.full_scale_adu, mode.black_level_adu)
    if frame.release is not None:
        frame.release()
    detail = (
        f"{_described(mode)}; first frame after {seconds:.1f} s, "
        f"mean {level.mean_adu:.1f} ADU ({url})"
    )
    if light:
        return Finding(
            "warn", f"{detail}: light falls on it", "cover the camera; nothing is found before"
        )
    return Finding("ok", detail)


def _described(mode: SensorMode) -> str:
    parts = [
        mode.sensor or "unknown sensor",
        f"{mode.width_px}×{mode.height_px} px, {mode.bit_depth} bit",
    ]
    if mode.exposure_ns:
        parts.append(f"exposure {mode.exposure_ns / 1e6:.4g} ms")
    if mode.conversion:
        parts.append(f"converted to {mode.conversion}")
    return ", ".join(parts)
