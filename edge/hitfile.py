"""Hits as lines of JSON, exposure records in a file beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from edge.detection import Draft
from edge.errors import Failed
from edge.messages.codec import encode
from edge.messages.envelope import envelope


def exposure_path(hits: Path) -> Path:
    """Where the exposure records of a hits file lie."""
    return hits.with_name(hits.name + ".exposure.jsonl")


class HitFile:
    """Numbers the messages of a replay and writes them; with no path it only numbers them.

    Raises
    ------
    Failed
        The file can't be written; what was written stays.
    """

    def __init__(self, path: Path | None, rig: str, epoch: str) -> None:
        self._path = path
        self._rig = rig
        self._epoch = epoch
        self._seq = 0
        self._hits: IO[bytes] | None = None
        self._others: IO[bytes] | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._hits = self._path.open("wb")
                self._others = exposure_path(self._path).open("wb")
            except OSError as error:
                raise _failed(self._path, error) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in (self._hits, self._others):
            if file is not None:
                try:
                    file.close()
                except OSError as error:
                    if kind is None:
                        raise _failed(self._path, error) from None

    def write(self, drafts: Sequence[Draft]) -> None:
        """Give each draft its envelope and write it to the file of its kind."""
        for draft in drafts:
            self._seq += 1
            file = self._hits if draft.kind == "hit" else self._others
            if file is None:
                continue
            message = envelope(
                draft.kind,
                draft.body,
                rig=self._rig,
                epoch=self._epoch,
                seq=self._seq,
                floor=1,
                origin=draft.origin,
            )
            try:
                file.write(encode(message) + b"\n")
            except OSError as error:
                raise _failed(self._path, error) from None


def _failed(path: Path | None, error: OSError) -> Failed:
    return Failed(f"{path}: can't write hits ({error.strerror}); choose another --out")
