"""One hash over files, wherever they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from edge.errors import Failed

_BLOCK = 1 << 20


def digest_files(folder: Path, names: Iterable[str]) -> str:
    """SHA-256 over names and contents, in the order of the names; hex.

    Each file counts as its name, its size and its bytes, so that no byte can move from one file
    to the next unseen. Read in blocks; the folder's own place doesn't enter.

    Raises
    ------
    Failed
        A file can't be read.
    """
    total = hashlib.sha256()
    for name in sorted(names):
        path = folder / name
        try:
            with path.open("rb") as file:
                total.update(f"{name}\0{path.stat().st_size}\0".encode())
                while block := file.read(_BLOCK):
                    total.update(block)
        except OSError as error:
            raise Failed(f"{path}: can't be read: {error.strerror}") from None
    return total.hexdigest()
