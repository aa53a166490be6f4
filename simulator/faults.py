"""What goes wrong between sensor and computer: frames lost, cut, repeated, torn, late."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulator.light import Light
from simulator.spec import SimulationSpec
from simulator.streams import Purpose, stream

# Frames for which a camera keeps its other size, and the first at which it may take it: what a
# camera begins with is its right size.
_RESIZED_FRAMES = 3
_FIRST_RESIZED = 64


@dataclass(frozen=True, slots=True)
class Faults:
    """What befalls one frame.

    Attributes
    ----------
    dropped : bool
        It never arrives (also while the camera hangs).
    truncated : bool
        It arrives without its last rows.
    covered : bool
        No light to speak of falls on what it shows.
    rows : int
        Rows that arrive.
    resized : bool
        It arrives in half the size.
    shows : int
        Number of the frame whose pixels it carries: an earlier one where it is a repeat.
    torn_row : int or None
        From this row on the pixels are those of frame `below`.
    below : int or None
        See `torn_row`.
    """

    dropped: bool
    truncated: bool
    covered: bool
    rows: int
    resized: bool
    shows: int
    torn_row: int | None = None
    below: int | None = None


@dataclass(frozen=True, slots=True)
class _Draws:
    """Random numbers of one frame, evenly from 0 to 1."""

    drop: float
    bad: float
    rows: float
    repeat: float
    tear: float
    torn_row: float
    resize: float


def draw_faults(spec: SimulationSpec, index: int, light: Light) -> Faults:
    """Draw the faults of frame `index`.

    A frame has one fault at most, in this order: dropped, truncated, of another size, repeated,
    torn.
    """
    draws = _draw(spec, index)
    dropped = draws.drop < spec.drop_rate or is_hanging(spec, index)
    truncated = not dropped and draws.bad < spec.bad_rate
    rows = int(draws.rows * spec.height_px) if truncated else spec.height_px
    resized = not dropped and not truncated and _is_resized(spec, index)
    shows, torn_row, below = index, None, None
    if not (dropped or truncated or resized):
        shows = _shown(spec, index)
        if shows == index > 0 and draws.tear < spec.tear_rate:
            torn_row = 1 + int(draws.torn_row * (spec.height_px - 1))
            below = _shown(spec, index - 1)
    covered = light.is_dark(shows) and (below is None or light.is_dark(below))
    return Faults(dropped, truncated, covered, rows, resized, shows, torn_row, below)


def is_hanging(spec: SimulationSpec, index: int) -> bool:
    """Whether the camera gives nothing when it should give frame `index`."""
    if spec.hang_at_s is None:
        return False
    since_s = index * spec.frame_duration_ns * 1e-9 - spec.hang_at_s
    if since_s < 0:
        return False
    if spec.hang_every_s is not None:
        since_s -= math.floor(since_s / spec.hang_every_s) * spec.hang_every_s
    return since_s < spec.hang_s


def time_shift_ns(spec: SimulationSpec, index: int) -> int:
    """How far the stated time of frame `index` is from the right one.

    Steps that come again go forth and back in turn, so that the times stay near the right ones.
    """
    if spec.jump_at_s is None:
        return 0
    since_s = index * spec.frame_duration_ns * 1e-9 - spec.jump_at_s
    if since_s < 0:
        return 0
    steps = 0 if spec.jump_every_s is None else math.floor(since_s / spec.jump_every_s)
    return round(spec.jump_s * 1e9) if steps % 2 == 0 else 0


def _shown(spec: SimulationSpec, index: int) -> int:
    """Number of the frame whose pixels frame `index` carries: the last that is no repeat."""
    if spec.repeat_rate > 0:
        while index > 0 and _draw(spec, index).repeat < spec.repeat_rate:
            index -= 1
    return index


def _is_resized(spec: SimulationSpec, index: int) -> bool:
    if spec.resize_rate <= 0:
        return False
    begins = range(max(index - _RESIZED_FRAMES + 1, _FIRST_RESIZED), index + 1)
    return any(_draw(spec, number).resize < spec.resize_rate for number in begins)


def _draw(spec: SimulationSpec, index: int) -> _Draws:
    return _Draws(*stream(spec.seed, Purpose.FAULTS, index).random(7).tolist())
