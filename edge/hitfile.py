"""Hits as lines of JSON; exposure records, and some refused candidates, in files beside them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from edge.detection import Draft
from edge.errors import Failed
from edge.messages.codec import encode
from edge.messages.envelope import envelope
from edge.outfile import HITS, check_place, is_stream, replacing
from edge.refused import refused_line, refused_path


def exposure_path(hits: Path) -> Path:
    """Where the exposure records of a hits file lie."""
    return hits.with_name(hits.name + ".exposure.jsonl")


def check_hits_place(hits: Path) -> None:
    """Refuse a place for hits, or for what lies beside them; see `edge.outfile.check_place`."""
    check_place(hits, HITS, stream=True)
    if not is_stream(hits):
        for beside in (exposure_path(hits), refused_path(hits)):
            check_place(beside, HITS)


class HitFile:
    """Numbers the messages of a replay and writes them; with no path it only numbers them.

    The files appear when they are whole: a replay that fails leaves those of the one before. A
    pipe or a device has nothing beside it: it takes the hits alone.

    Raises
    ------
    BadUse
        There is something else than hits at that place.
    Failed
        The files can't be written.
    """

    def __init__(self, path: Path | None, rig: str, epoch: str) -> None:
        self._path = path
        self._rig = rig
        self._epoch = epoch
        self._seq = 0
        self._open = ExitStack()
        self._hits: IO[bytes] | None = None
        self._others: IO[bytes] | None = None
        self._refused: IO[bytes] | None = None
        self._refused_seq = 0

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        check_hits_place(self._path)
        with ExitStack() as opening:
            try:
                self._hits = opening.enter_context(replacing(self._path))
                if not is_stream(self._path):
                    self._others = opening.enter_context(replacing(exposure_path(self._path)))
            except OSError as error:
                raise _failed(self._path, error) from None
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._flush()  # before one takes its name, so that all are of one replay
                self._drop_stale()
            self._open.__exit__(kind, value, trace)
        except OSError as error:
            with suppress(OSError):  # what is still buffered fails once more
                self._open.__exit__(type(error), error, error.__traceback__)
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

    def keep_refused(self, draft: Draft) -> None:
        """Write a refused candidate to the file of such; they have numbers of their own."""
        if self._path is None or is_stream(self._path):
            return
        self._refused_seq += 1
        try:
            if self._refused is None:
                self._refused = self._open.enter_context(replacing(refused_path(self._path)))
            self._refused.write(refused_line(draft, self._rig, self._epoch, self._refused_seq))
        except OSError as error:
            raise _failed(self._path, error) from None

    def _drop_stale(self) -> None:
        """Where nothing was refused there is no file of such, nor one of a replay before."""
        if self._path is not None and self._refused is None and not is_stream(self._path):
            refused_path(self._path).unlink(missing_ok=True)

    def _flush(self) -> None:
        for file in (self._hits, self._others, self._refused):
            if file is not None:
                file.flush()


def _failed(path: Path | None, error: OSError) -> Failed:
    return Failed(f"{path}: can't write hits ({error.strerror}); choose another --out")
