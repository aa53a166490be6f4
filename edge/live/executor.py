"""What a live rig does when it is asked: calibrate anew, show a frame, report, restart."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import ValidationError

from edge.config.model import Config
from edge.frame import Frame, Pixels
from edge.live.desk import Answer, NotDone
from edge.live.loop import LiveLoop
from edge.messages.commands import Command
from edge.pixels.candidates import plain_pixels

_WIDEST_PX = 320
_SUPERVISED = "COSMIC_EDGE_SUPERVISED"
"""Set in the unit, or by whoever else starts the rig again when it ends. systemd's own variables
reach every shell below a unit, and say nothing of who is started again."""


class RigExecutor:
    """Does what is asked of a session; used from the session's thread alone.

    Parameters
    ----------
    config : Config
        What the rig was started with.
    loop : LiveLoop
    report : callable
        Counts and states now, as a health message has them.
    end : callable
        Ends the session in order.
    """

    def __init__(
        self,
        config: Config,
        loop: LiveLoop,
        report: Callable[[], dict[str, Any]],
        end: Callable[[], None],
    ) -> None:
        self._config = config
        self._loop = loop
        self._report = report
        self._end = end
        self._frame: Frame | None = None

    def look_at(self, item: object) -> None:
        """Hear what came last; a frame's pixels are looked at before the loop lets go of them."""
        self._frame = item if isinstance(item, Frame) else None

    def execute(self, command: Command) -> Answer:
        """Do it; see `edge.live.desk.Executor`."""
        match command.name:
            case "recalibrate":
                self._loop.start_anew(self._config)
                return "the dark is measured anew", {}
            case "threshold":
                return self._threshold(float(command.seed_sigma or 0))
            case "snapshot":
                return self._snapshot()
            case "restart":
                return self._restart()
            case "report":
                return "counts and states", self._report()

    def _threshold(self, seed_sigma: float) -> Answer:
        trigger = {**self._config.trigger.model_dump(), "seed_sigma": seed_sigma}
        try:
            changed = type(self._config.trigger).model_validate(trigger)
        except ValidationError as error:
            raise NotDone(str(error.errors()[0]["msg"])) from None
        if changed.preset != "default":
            raise NotDone(f"the {changed.preset} preset has a threshold of its own")
        self._config = self._config.model_copy(update={"trigger": changed})
        self._loop.start_anew(self._config)
        return f"seed_sigma is {seed_sigma:g} until the next start; the dark is measured anew", {}

    def _snapshot(self) -> Answer:
        if self._frame is None:
            raise NotDone("no frame comes now", tried=True)
        return "one frame, small", picture_of(plain_pixels(self._frame))

    def _restart(self) -> Answer:
        if not os.environ.get(_SUPERVISED):
            raise NotDone(
                f"nothing would start it again; {_SUPERVISED}=1, as in the systemd unit, says so"
            )
        self._end()
        return "ends in order, to be started again", {}


def picture_of(pixels: Pixels) -> dict[str, Any]:
    """Write a frame down small, in 8 bits: of each block its brightest pixel.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)

    Returns
    -------
    dict
        ``png`` (base64, at most 320 px wide, of what each block's brightest pixel is), the frame's
        size and its smallest, mean and largest count.
    """
    import cv2

    height, width = pixels.shape
    step = max(-(-width // _WIDEST_PX), 1)
    rows, cols = max(height // step, 1), max(width // step, 1)
    cut = pixels[: rows * step, : cols * step]
    blocks = cut.reshape(rows, -1, cols, cut.shape[1] // cols).max(axis=(1, 3)).astype(np.float64)
    low, high = float(blocks.min()), float(blocks.max())
    shown = np.rint((blocks - low) * (255 / max(high - low, 1.0))).astype(np.uint8)
    ok, png = cv2.imencode(".png", shown)
    if not ok:
        raise NotDone("the picture can't be written", tried=True)
    return {
        "png": base64.b64encode(png.tobytes()).decode(),
        "width_px": width,
        "height_px": height,
        "block_px": step,
        "smallest_adu": int(pixels.min()),
        "mean_adu": round(float(pixels.mean()), 3),
        "largest_adu": int(pixels.max()),
    }
