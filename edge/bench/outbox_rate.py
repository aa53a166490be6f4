"""How many hits a second this disk takes, and how near that is to the disk's own limit."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from edge.bench.dark import DEEP, dark_frames
from edge.bench.made import calibration_of, draft_maker, stamp_at
from edge.bench.ours import our_look
from edge.bench.result import Result
from edge.bench.timing import race
from edge.delivery.outbox import Outbox
from edge.detection import Draft
from edge.messages import encode
from edge.pixels.candidates import ScanLimits

_OURS = "Outbox.commit"
_APPEND = "append + fdatasync"
_DRAFTS = 64
_SIZE = (320, 240)


def name_of(rows: int) -> str:
    """Key in the JSON object."""
    return f"outbox_commit_{rows}"


def run(rows: int, commits: int, rounds: int, folder: Path) -> Iterator[Result]:
    """Commit groups of hits with their crops, each commit on the disk."""
    with closing(Outbox.open(folder / f"state-{rows}", "benchmark")) as outbox:
        yield _commit(
            outbox, folder / f"plain-{rows}", _drafts(), rows=rows, commits=commits, rounds=rounds
        )


def _commit(
    outbox: Outbox, plain: Path, drafts: list[Draft], *, rows: int, commits: int, rounds: int
) -> Result:
    group = list(itertools.islice(itertools.cycle(drafts), rows))
    payload = b"".join(encode(draft.body) for draft in group)
    with plain.open("ab", buffering=0) as file:
        times = race(
            {
                _OURS: lambda: outbox.commit(group),
                _APPEND: _append(file.fileno(), payload),
            },
            rounds,
            repeats=commits,
        )
    ms = times[_OURS].median_ms
    rate = rows * 1e3 / ms
    return Result(
        name_of(rows),
        f"outbox, a commit of {rows} hit{'s' * (rows > 1)} of {len(payload) // rows} B",
        _OURS,
        times,
        figures={
            "rows": rows,
            "bytes_per_hit": len(payload) // rows,
            "hits_per_s": round(rate, 1),
        },
        notes=(f"{rate:.0f} hits/s",),
    )


def _append(descriptor: int, payload: bytes) -> Callable[[], object]:
    def append() -> None:
        os.write(descriptor, payload)
        os.fdatasync(descriptor)

    return append


def _drafts() -> list[Draft]:
    """Hits with real crops, as a rig commits them."""
    dark = dark_frames(_SIZE, DEEP, particles=0, hot_pixels=20, ring=20)
    calibration = calibration_of(dark.plain, bit_depth=12)
    lit = dark_frames(_SIZE, DEEP, hot_pixels=20, ring=_DRAFTS).frames
    write = draft_maker(stamp_at(0, calibration.mode))
    look = our_look(calibration, ScanLimits())
    found = [draft for pixels in lit for draft in write(look(pixels).candidates)]
    return found[:_DRAFTS] or _nothing()


def _nothing() -> list[Draft]:
    raise AssertionError("no hit in frames that hold particles")
