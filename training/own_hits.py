"""Hits of a rig or a replay, as they lie on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge.delivery.database import FILE_NAME as DATABASE
from edge.errors import BadUse, CosmicEdgeError
from edge.features.hit import Place
from edge.hits.query import Query
from edge.hits.reader import open_hits
from edge.hits.record import StoredHit
from edge.messages import HitMessage
from training.found import LeftOut

_PLACE_PX = 8
_HIT_MARK = b'"schema":"cosmic-edge/hit/'
_SQLITE_HEAD = b"SQLite format 3\x00"
_REFUSED = "refused.jsonl"
_BESIDE = (".exposure.jsonl", f".{_REFUSED}")
_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Own:
    """A hit with its raw counts, as the camera gave them.

    Attributes
    ----------
    hit : StoredHit
    pixels : ndarray, shape (height, width), uint8 or uint16
    name : str
        File and id.
    """

    hit: StoredHit
    pixels: NDArray[Any]
    name: str

    @property
    def place(self) -> Place:
        """Row and column of its brightest pixel in the crop."""
        return self.hit.peak


def hit_files(folder: Path) -> list[Path]:
    """Hits in a folder: its database, and hits files of replays; not the refused beside them."""
    names = sorted(one for one in folder.iterdir() if one.is_file())
    return [one for one in names if one.name == DATABASE or _is_hits(one)]


def is_hits(path: Path) -> bool:
    """Whether a file holds hits, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return head.startswith(_SQLITE_HEAD) or _HIT_MARK in head


def read_own(paths: Sequence[Path], left_out: LeftOut) -> Iterator[Own]:
    """Read the hits of some files, in their order.

    What the rig itself put into its frames, and what can't be read, is left out.

    Raises
    ------
    BadUse
        A file holds no hits, or none that can be read.
    """
    for path in paths:
        try:
            with contextlib.closing(open_hits(path)) as reader:
                for hit in reader.hits(Query()):
                    if hit.message.origin == "injection":
                        left_out["injected by the rig itself"] += 1
                        continue
                    try:
                        pixels = hit.pixels()
                    except ValueError:
                        left_out["its picture can't be read"] += 1
                        continue
                    if not hit.lies_in(pixels.shape):
                        left_out["its place lies outside its picture"] += 1
                        continue
                    yield Own(hit, pixels, f"{path.name}#{hit.message.id}")
                if reader.damage:
                    left_out["line of hits that can't be read"] += reader.damage.count
        except BadUse:
            raise
        except CosmicEdgeError as error:
            raise BadUse(str(error)) from None


def place_group(hit: HitMessage) -> str:
    """Group of hits at one place: 8 px wide, so that a hot pixel and its neighbours are in one."""
    return f"at {hit.x_px // _PLACE_PX * _PLACE_PX},{hit.y_px // _PLACE_PX * _PLACE_PX} px"


def _is_hits(path: Path) -> bool:
    other = path.name == _REFUSED or path.name.endswith(_BESIDE)
    return path.suffix == ".jsonl" and not other and is_hits(path)
