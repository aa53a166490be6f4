"""Candidates and models for the tests of classification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edge.classification.classes import CLASSES
from edge.crop import crop
from edge.detection import Candidate

TINY = Path(__file__).with_name("tiny.tflite")
SHOWN = (1, 48, 48, 2)


def dark(size: int = 60, seed: int = 1) -> np.ndarray:
    """Black level 64, noise 3 ADU."""
    return np.rint(np.random.default_rng(seed).normal(64, 3, (size, size))).astype(np.uint16)


def tracked(seed: int = 1, row: int = 30, col: int = 30) -> np.ndarray:
    pixels = dark(seed=seed)
    for step in range(8):
        pixels[row + step // 2, col + step] = 500
    pixels[row, col] = 900
    return pixels


def candidate(pixels: np.ndarray) -> Candidate:
    rows, cols = np.nonzero(pixels > 200)
    values = pixels[rows, cols].astype(np.uint16)
    peak = int(np.argmax(values))
    return Candidate(
        rows=rows.astype(np.int32),
        cols=cols.astype(np.int32),
        values_adu=values,
        excess_adu=(values - 64.0).astype(np.float32),
        peak=peak,
        peak_sigma=100.0,
        crop=crop(pixels, int(rows[peak]), int(cols[peak])),
    )


def even(**changes: Any) -> dict[str, np.ndarray]:
    """An answer as it should be, but for the changes."""
    same = np.full((1, len(CLASSES)), 0.25, np.float32)
    return {"scores": same, "votes": same.copy(), **changes}


class Scripted:
    """An interpreter that an app might hand in: it says and answers what it is told to."""

    def __init__(self, answers: Any = None, **changes: Any) -> None:
        self.answers = answers or even
        self.signatures = changes.get("signatures", {"classify_1": {}})
        self.input = changes.get("input", {"crop": _about((-1, *SHOWN[1:]))})
        self.output = changes.get(
            "output", {name: _about((-1, len(CLASSES))) for name in ("scores", "votes")}
        )
        self.ready = False
        self.seen: list[np.ndarray] = []

    def allocate_tensors(self) -> None:
        self.ready = True

    def get_signature_list(self) -> dict[str, Any]:
        return self.signatures

    def get_signature_runner(self, signature_key: str) -> Scripted:
        assert signature_key in self.signatures
        assert self.ready
        return self

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        return self.input

    def get_output_details(self) -> dict[str, dict[str, Any]]:
        return self.output

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        self.seen.append(next(iter(inputs.values())))
        return self.answers()


def _about(shape: tuple[int, ...], dtype: Any = np.float32) -> dict[str, Any]:
    return {"shape": np.abs(shape), "shape_signature": np.array(shape), "dtype": dtype}


about = _about
