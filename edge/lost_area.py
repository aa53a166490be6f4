"""How much of the sensor can't make a hit; past 1 % a rig says so, and goes on."""

from __future__ import annotations

from edge.frame import SensorMode

_MUCH_SHARE = 0.01
_LITTLE_SHARE = 0.008


class LostArea:
    """Hears of the pixels that are lost, and says so when they become too many.

    Masked pixels and those at hot places are added up: some are both, so that the sum errs to
    more. What was said holds until the share is below 0.8 % again.

    Attributes
    ----------
    note : str
        A line for a person; empty while little is lost.
    """

    def __init__(self) -> None:
        self.note = ""

    def tell(self, masked_px: int, hot_places_px: int, mode: SensorMode) -> bool:
        """Take the present numbers; True when there is something new to say."""
        lost_px, pixels = masked_px + hot_places_px, mode.width_px * mode.height_px
        share = lost_px / pixels
        if share <= (_LITTLE_SHARE if self.note else _MUCH_SHARE):
            self.note = ""
            return False
        new = not self.note
        self.note = (
            f"{share:.1%} of the sensor can't make a hit: {masked_px} masked pixels and "
            f"{hot_places_px} at hot places, of {pixels}; a cooler or another sensor helps"
        )
        return new
