"""Where compiled kernels are kept: a folder of ours that may be written, or none.

numba's own places are no good for a rig: it tries ``__pycache__`` of the install, which belongs to
root, and raises at import where nothing may be written. See docs/decisions/0015.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_NAME = "cosmic-edge"
_SUBFOLDER = "kernels"
_offered: list[Path] = []


@dataclass(frozen=True, slots=True)
class Place:
    """Where kernels are kept.

    Attributes
    ----------
    folder : Path or None
        None: nothing may be written, and kernels are compiled at each start.
    refused : tuple of str
        A line for each better place that could not be used: where and why.
    """

    folder: Path | None
    refused: tuple[str, ...] = ()

    @property
    def problem(self) -> str:
        """One line that says what is wrong; empty where kernels are kept."""
        if self.folder is not None:
            return ""
        why = "; ".join(self.refused) or "no folder is known"
        return f"compiled code can't be kept and is made anew at each start ({why})"


def offer(folder: Path) -> None:
    """Name a folder to be used where no cache folder may be written: the rig's state folder."""
    if folder not in _offered:
        _offered.append(folder)
        if place.cache_info().currsize and place().folder is None:
            place.cache_clear()


@cache
def place() -> Place:
    """Choose once, when the first kernel is asked for."""
    return choose(os.environ, tuple(_offered))


def choose(environment: Mapping[str, str], offered: tuple[Path, ...] = ()) -> Place:
    """Take the first folder that can be made and written.

    Parameters
    ----------
    environment : mapping
        ``NUMBA_CACHE_DIR``, where a person chose; ``CACHE_DIRECTORY``, given by systemd;
        ``XDG_CACHE_HOME``; ``HOME``.
    offered : tuple of Path
        Folders to fall back to.
    """
    refused: list[str] = []
    for folder in _candidates(environment, offered):
        why = unwritable(folder)
        if not why:
            return Place(folder, tuple(refused))
        refused.append(f"{folder}: {why}")
    return Place(None, tuple(refused))


def unwritable(folder: Path) -> str:
    """Say why nothing can be written to a folder, which is made if need be; "" where it can."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * 4096)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _candidates(environment: Mapping[str, str], offered: tuple[Path, ...]) -> Iterator[Path]:
    chosen = environment.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen)
    for given in environment.get("CACHE_DIRECTORY", "").split(":"):
        if given:
            yield Path(given) / _SUBFOLDER
    home = environment.get("HOME") or os.path.expanduser("~")
    users = Path(environment.get("XDG_CACHE_HOME", ""))
    if not users.is_absolute():  # it is to be ignored then (XDG Base Directory Specification)
        users = Path(home) / ".cache"
    if users.is_absolute():
        yield users / _NAME / _SUBFOLDER
    for folder in offered:
        yield folder / _SUBFOLDER
