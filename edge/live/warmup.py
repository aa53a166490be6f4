"""Everything a frame goes through, once, on tiny frames, before the camera starts.

Importing OpenCV and compiling the kernels take seconds; a camera that is already running would lose
its first frames to them. The tiny frames go through the loop itself, so that no kernel and no type
of its arguments can be forgotten; they come in every form that the source may deliver.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibration import kernel_cache
from calibration.jit import kernel_counts
from calibration.model import Calibration
from calibration.trigger import ENOUGH_FRAMES
from edge.clock import RecordedClock
from edge.config.model import Config
from edge.frame import Frame, FrameSource, Packing, Pixels, SensorMode
from edge.live.loop import LiveLoop
from edge.live.shelf import Shelf
from edge.pixels.packing import LAYOUTS
from edge.presets import make_learner
from edge.presets.calibrated import mismatch
from edge.report import Reporter
from edge.stages.order import order_stage
from edge.timeline import RecordedTimeline

_SIZE_PX = 64
_LEARNED = ENOUGH_FRAMES + 1
"""Or the pixels of a calibration would be judged one by one, and not with their neighbours."""

_INDICES = (*range(_LEARNED + 6), 64, 65)
"""The hold lets a candidate go, and a block of 64 ends, after which the calibration follows."""

_HIT_AT = _LEARNED + 1
_PACKINGS: tuple[tuple[int, Packing], ...] = ((10, "mipi10"), (12, "mipi12"), (14, "mipi14"))


@dataclass(frozen=True, slots=True)
class Kind:
    """How a frame lies in memory: what a kernel's argument types follow from.

    Attributes
    ----------
    bit_depth : int
    packing : {"none", "mipi10", "mipi12", "mipi14"}
    padded : bool
        Rows have bytes behind them: the pixels are strided.
    lent : bool
        Read-only, as sources that lend their buffers deliver them.
    """

    bit_depth: int
    packing: Packing = "none"
    padded: bool = False
    lent: bool = True

    @property
    def bits_in_words(self) -> bool:
        """Whether a pixel fills 16 bits of memory."""
        return self.packing == "none" and self.bit_depth > 8

    @property
    def name(self) -> str:
        """Short, for a person."""
        form = f"{self.bit_depth} bits" if self.packing == "none" else f"packed {self.bit_depth}"
        return form + (", padded" if self.padded else "") + ("" if self.lent else ", owned")


_PLAIN = tuple(
    Kind(bits, padded=padded, lent=lent)
    for bits in (8, 16)
    for padded, lent in ((False, True), (False, False), (True, True))
)
_PACKED = tuple(
    Kind(bits, packing, padded) for bits, packing in _PACKINGS for padded in (False, True)
)
ALL_KINDS: tuple[Kind, ...] = _PLAIN + _PACKED


def kinds_of(source: FrameSource) -> Sequence[Kind]:
    """Forms that a source's frames can have; all where it does not know its mode before them."""
    mode: SensorMode | None = getattr(source, "mode", None)
    if mode is None:
        return ALL_KINDS
    if mode.packing != "none":
        return [kind for kind in _PACKED if kind.packing == mode.packing]
    bits = 8 if mode.bit_depth <= 8 else 16
    return [kind for kind in _PLAIN if kind.bit_depth == bits]


def warm_up(kinds: Sequence[Kind] = ALL_KINDS) -> int:
    """Import, compile or load from the cache what the loop will need.

    Parameters
    ----------
    kinds : sequence of Kind
        Forms of the frames to come.

    Returns
    -------
    int
        Candidates found on the way: one for each kind of frame.
    """
    tiny, learned = _tiny_config(), _Learned()
    return sum(_one_hit(kind, tiny, learned) for kind in kinds)


def warmed() -> dict[str, Any]:
    """Warm up for every kind of frame; say what that took.

    Returns
    -------
    dict
        ``seconds``, ``kernels``, ``compiled`` and ``loaded`` (for one set of argument types each),
        ``folder`` they are kept in, ``problem``: why they are not kept ("" where they are).
    """
    started = time.monotonic()
    warm_up()
    counts = kernel_counts()
    place = kernel_cache.place()
    return {
        "seconds": round(time.monotonic() - started, 2),
        "kernels": len(counts),
        "compiled": sum(count.compiled for count in counts.values()),
        "loaded": sum(count.loaded for count in counts.values()),
        "folder": None if place.folder is None else str(place.folder),
        "problem": problem(),
    }


def problem() -> str:
    """Say why the kernels compiled so far are not kept; "" where they are."""
    place = kernel_cache.place()
    why = [count.unkept for count in kernel_counts().values() if count.unkept]
    if place.problem or not why:
        return place.problem
    return f"{place.folder}: compiled code was not kept ({why[0]})"


def _tiny_config() -> Config:
    """Defaults, whatever is configured for the camera's own frames: these are none of them.

    Of the default preset, too: the other one has no compiled kernels of its own.
    """
    return Config.model_validate(
        {"calibration": {"frames": _LEARNED}, "trigger": {"seed_sigma": 6.0}}
    )


class _Learned(Shelf):
    """What one kind has learned serves the next of its mode: learning is what takes longest."""

    def __init__(self) -> None:
        self._kept: list[Calibration] = []

    def find(self, mode: SensorMode, temperature_c: float | None) -> Calibration | None:
        del temperature_c
        return next((one for one in self._kept if mismatch(one, mode) is None), None)

    def keep(self, calibration: Calibration) -> None:
        self._kept.append(calibration)


def _one_hit(kind: Kind, config: Config, learned: Shelf) -> int:
    timeline = RecordedTimeline()
    reporter = Reporter(config, timeline, RecordedClock(), "simulation")
    order = order_stage(config, timeline)
    loop = LiveLoop(config, reporter, order, lambda drafts, checkpoint: True, learned)
    frames = _frames(kind)
    make_learner(config, frames[0].mode).add(frames[0])  # where another kind has learned for it
    for frame in frames:
        loop.push(frame)
    loop.finish()
    return reporter.so_far().candidates


def _frames(kind: Kind) -> list[Frame]:
    rng = np.random.default_rng(1)
    mode = SensorMode("", _SIZE_PX, _SIZE_PX, kind.bit_depth, packing=kind.packing)
    dark = [_noise(rng) for _ in range(_LEARNED)]
    lit = dark[0].copy()
    lit[10:12, 10:13] = 200
    frames = []
    for index in _INDICES:
        values = lit if index == _HIT_AT else dark[index % _LEARNED]
        frames.append(Frame(_laid_out(values, kind), index, index, mode, origin="simulation"))
    return frames


def _noise(rng: np.random.Generator) -> Any:
    return np.rint(rng.normal(20, 3, (_SIZE_PX, _SIZE_PX))).astype(np.uint8)


def _laid_out(values: Any, kind: Kind) -> Pixels:
    """Lay values of 8 bits in memory as frames of this kind lie."""
    rows = values.astype(np.uint16) if kind.bits_in_words else values
    if kind.packing != "none":
        # The high bytes of a group come first; the low bits behind them may stay 0.
        pixels, size, _ = LAYOUTS[kind.packing]
        rows = np.zeros((_SIZE_PX, _SIZE_PX // pixels, size), np.uint8)
        rows[:, :, :pixels] = values.reshape(_SIZE_PX, -1, pixels)
        rows = rows.reshape(_SIZE_PX, -1)
    buffer: Any = np.zeros((_SIZE_PX, rows.shape[1] + 32 * kind.padded), rows.dtype)
    view = buffer[:, : rows.shape[1]]
    view[:] = rows
    view.flags.writeable = not kind.lent
    return view  # type: ignore[no-any-return]
