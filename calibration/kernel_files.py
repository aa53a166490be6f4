"""Compiled kernels as files: one for each kernel and argument types, never worse than none.

numba's own cache raises where a file is damaged or the disk is full. Here whatever is wrong with a
file means that the kernel is compiled once more. A file's name is a hash of all that its code
depends on, so that there is no index to damage, and its content begins with a digest: machine code
that a power cut half wrote must not be run.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import logging
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

SUFFIX = ".kernel"
_PART = ".part"
_PART_LASTS_NS = 3_600_000_000_000
_DIGEST_BYTES = 32
_MOST_FILES = 512
_log = logging.getLogger(__name__)


class KernelFiles:
    """Cache of one kernel, in the place of numba's (`numba.core.caching.Cache`).

    Parameters
    ----------
    function : callable
        The kernel's Python. What it calls must stand in the same file: its code is part of it,
        and only that file's content is part of the name.
    folder : Path
        Where the files lie.
    """

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self._function = function
        self._folder = folder
        self.loaded = 0
        self.failed = ""

    @property
    def cache_path(self) -> str:
        """The folder, for numba's statistics."""
        return str(self._folder)

    def enable(self) -> None:
        """Part of numba's interface."""

    def disable(self) -> None:
        """Part of numba's interface."""

    def flush(self) -> None:
        """Part of numba's interface."""

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Compiled code for these argument types, or None: compile it."""
        try:
            target.refresh()
            found = self._load(self._path(signature, target.codegen()), target)
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever numba, pickle or LLVM stumble over
            _log.debug("%s is compiled anew: %s", self._function.__name__, error)
            return None
        self.loaded += 1
        return found

    def save_overload(self, signature: Any, made: Any) -> None:
        """Keep what was compiled; a disk that does not take it costs time at the next start."""
        if made.lifted or made.library.has_dynamic_globals:
            return  # numba can't keep these either
        try:
            self._save(self._path(signature, made.codegen), made)
        except Exception as error:  # no reason not to look at frames
            if not self.failed:
                _log.info("%s: compiled code was not kept (%s)", self._folder, _why(error))
            self.failed = _why(error)

    def _load(self, path: Path, target: Any) -> Any:
        from numba.core import compiler

        result: Any = compiler.CompileResult
        content = path.read_bytes()
        digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(data).digest() != digest:
            raise ValueError(f"{path.name} is damaged")
        rebuilt = result._rebuild(target, *pickle.loads(data))  # noqa: S301
        with contextlib.suppress(OSError):
            os.utime(path)  # the oldest go first
        return rebuilt

    def _save(self, path: Path, made: Any) -> None:
        from numba.core import serialize

        pickled: Any = serialize
        data: bytes = pickled.dumps(made._reduce())
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=self._folder, suffix=_PART)
        try:
            with open(descriptor, "wb") as file:
                file.write(hashlib.sha256(data).digest() + data)
            os.replace(part, path)
        except BaseException:
            os.unlink(part)
            raise
        _make_room(self._folder)

    def _path(self, signature: Any, codegen: Any) -> Path:
        """Name that changes with the source, the types, the CPU, Python and numba."""
        import numba

        depends_on = (
            numba.__version__,
            sys.version,
            codegen.magic_tuple(),
            self._function.__qualname__,
            _source_digest(inspect.getfile(self._function)),
            str(signature),
        )
        name = hashlib.sha256(repr(depends_on).encode()).hexdigest()[:32]
        return self._folder / f"{self._function.__name__.strip('_')}-{name}{SUFFIX}"


@lru_cache
def _source_digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _make_room(folder: Path) -> None:
    """Let go of the files that were not used for longest: of versions that are gone."""
    for left in folder.glob(f"*{_PART}"):
        if _used_ns(left) < time.time_ns() - _PART_LASTS_NS:  # of a process that was killed
            left.unlink(missing_ok=True)
    files = list(folder.glob(f"*{SUFFIX}"))
    if len(files) > _MOST_FILES:
        for old in sorted(files, key=_used_ns)[: len(files) - _MOST_FILES]:
            old.unlink(missing_ok=True)


def _used_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
