"""Which frames are sampled: drawn by their number, so that every replay and worker agrees."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge.frame import Frame

Purpose = Literal["zero_bias", "injection"]
_ALL = 2**64


@dataclass(frozen=True, slots=True)
class Choice:
    """A share of all frames, and random numbers for each of them.

    A frame is chosen by a hash of seed, purpose, series and its index in it: whoever asks, in
    whatever order, gets the same answer, and two purposes choose independently.

    Attributes
    ----------
    share : float
        0 to 1.
    seed : int
        Of the choice and of the random numbers.
    purpose : str
        What the frames are for.
    """

    share: float
    seed: int
    purpose: Purpose

    def draw(self, frame: Frame) -> np.random.Generator | None:
        """Random numbers of a chosen frame; None for the others."""
        if self.share <= 0:
            return None
        name = f"{self.purpose}/{self.seed}/{frame.index}/{frame.series}"
        digest = hashlib.blake2b(name.encode(), digest_size=24).digest()
        if int.from_bytes(digest[:8], "big") >= self.share * _ALL:
            return None
        key = np.frombuffer(digest[8:], dtype="<u8")
        return np.random.Generator(np.random.Philox(key=key))
