"""From labelled crops to a model and its card."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.outfile import write_whole
from training.card import write_card
from training.export import check, to_tflite
from training.fit import FitRules, Progress, fit
from training.labelled import LabelledCrops
from training.temperature import Temperatures

_CHECKED = 256


def train(
    crops: LabelledCrops,
    out: Path,
    rules: FitRules,
    progress: Progress | None = None,
    *,
    sources: Sequence[str] = (),
) -> dict[str, Any]:
    """Train a net, write it where it proves to be the same in TFLite, and its card beside it.

    Parameters
    ----------
    crops : LabelledCrops
        Joined from the sources.
    out : Path
    rules : FitRules
    progress : callable, optional
    sources : sequence of str
        What the card calls them.

    Raises
    ------
    Failed
        The converted model differs from the net, is too large, or can't be written.
    """
    begun = time.monotonic()
    fitted = fit(crops, rules, progress)
    model = to_tflite(fitted)
    difference = check(model, fitted, crops.take(_some(crops)))
    write_whole(out, model)
    report = {
        "model": out.name,
        "bytes": len(model),
        "sha256": hashlib.sha256(model).hexdigest(),
        "crops": len(crops),
        "groups": len(set(crops.group)),
        "labelled": int((crops.label >= 0).sum()),
        "learned_from": fitted.learned_from,
        "epochs": rules.epochs,
        "copies": rules.copies,
        "seed": rules.seed,
        "shares_of_committees": [round(one, 4) for one in fitted.pictures.shares],
        "temperatures_of_pictures": _rounded(fitted.pictures.temperatures),
        "temperatures_of_own_hits": _rounded(fitted.own.temperatures),
        "largest_difference": round(difference, 6),
        "seconds": round(time.monotonic() - begun, 1),
    }
    write_card(out.with_suffix(".md"), crops, report, fitted.unseen, sources)
    return report


def _some(crops: LabelledCrops) -> NDArray[np.int64]:
    """Rows to try the converted model on, from all of them."""
    return np.unique(np.linspace(0, len(crops) - 1, _CHECKED).astype(np.int64))


def _rounded(temperatures: Temperatures) -> list[float]:
    return [round(one, 4) for one in (temperatures.label, temperatures.votes)]
