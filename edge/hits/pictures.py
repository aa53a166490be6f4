"""Exports as pictures: a folder of PNGs, one for each hit, and a table beside them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from edge.crop import encode_png
from edge.detection import Crop
from edge.display.blocks import stretch
from edge.hits.columns import columns_of
from edge.hits.record import StoredHit

INDEX = "index.csv"


def write_pictures(
    hits: Callable[[], Iterable[StoredHit]],
    folder: Path,
    *,
    raw: bool,
    refuse: Callable[[str], None],
) -> int:
    """Write the crops of hits as PNG, and ``index.csv`` with what each of them is.

    Parameters
    ----------
    hits : callable
        Reads the same hits anew at each call.
    folder : Path
        An existing folder.
    raw : bool
        True: raw counts, 16 bit a pixel, untouched (most viewers show them black). False: 8 bit,
        stretched from the background to the brightest pixel, to look at.
    refuse : callable
        Told the reason for each hit that can't be written.

    Returns
    -------
    int
        How many were written.
    """
    columns = columns_of(hits())
    written = 0
    with (folder / INDEX).open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ("file", *columns.names), lineterminator="\n")
        table.writeheader()
        for hit in hits():
            picture = _picture(hit, raw=raw)
            if picture is None:
                refuse("unreadable_crop")
                continue
            name = file_name(hit)
            (folder / name).write_bytes(picture)
            table.writerow({"file": name, **columns.row(hit)})
            written += 1
    return written


def file_name(hit: StoredHit) -> str:
    """Name that sorts by time and says the class, and the origin where it is no camera."""
    message = hit.message
    when = message.time_utc.replace(":", "").replace("-", "")
    parts = [when, message.class_, *([] if hit.real else [message.origin]), message.id[:12]]
    return "_".join(parts) + ".png"


def _picture(hit: StoredHit, *, raw: bool) -> bytes | None:
    try:
        pixels = hit.pixels()
    except ValueError:
        return None
    shown = pixels.astype(np.uint16) if raw else stretch(pixels, hit.message.peak_adu)
    return encode_png(Crop(shown, hit.message.crop.x0_px, hit.message.crop.y0_px))
