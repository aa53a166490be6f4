"""When thresholds that follow the sensor are worth a word."""

from __future__ import annotations

from dataclasses import dataclass

from calibration.common import Common

_EVENT_BLOCKS = 28
"""At most one word in so many blocks of 64 frames: a minute at 30 frames/s."""

_LEVEL_SIGMA = 0.5
_NOISE_SHARE = 0.05
_PIXELS_SHARE = 0.1
_LEAST_PIXELS = 10


@dataclass(frozen=True, slots=True)
class Change:
    """The thresholds are no longer those that were last told of.

    Attributes
    ----------
    index : int
        Frame from which on they hold.
    reasons : tuple of str
        ``level``, ``noise``, ``pixels``.
    detail : str
        A line for a person.
    """

    index: int
    reasons: tuple[str, ...]
    detail: str


class ChangeTeller:
    """Compares with what was told last.

    Parameters
    ----------
    masked, hot : int
        Pixels at the start.
    """

    def __init__(self, masked: int, hot: int) -> None:
        self._level_adu = 0.0
        self._noise = 1.0
        self._counts = masked, hot
        self._block: int | None = None

    def tell(self, block: int, index: int, common: Common, masked: int, hot: int) -> Change | None:
        """Say what changed, or None while it is little or was told of shortly before."""
        if self._block is not None and block - self._block < _EVENT_BLOCKS:
            return None
        moved_adu = common.level_adu - self._level_adu
        reasons: list[str] = []
        if abs(moved_adu) > _LEVEL_SIGMA * max(common.typical_adu, 1.0):
            reasons.append("level")
        if abs(common.noise / self._noise - 1) > _NOISE_SHARE:
            reasons.append("noise")
        now = masked, hot
        if any(
            abs(new - old) > max(_LEAST_PIXELS, _PIXELS_SHARE * old)
            for new, old in zip(now, self._counts, strict=True)
        ):
            reasons.append("pixels")
        if not reasons:
            return None
        detail = (
            f"level {moved_adu:+.2f} ADU, noise {common.noise / self._noise:.3f} times, "
            f"{masked} masked and {hot} hot pixels "
            f"(before: {self._counts[0]} and {self._counts[1]})"
        )
        self._level_adu, self._noise = common.level_adu, common.noise
        self._counts, self._block = now, block
        return Change(index, tuple(reasons), detail)
