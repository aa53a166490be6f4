"""The model that comes with the program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.classification.model import ModelFile

FOLDER = Path(__file__).with_name("models")
_SUMS = "SHA256SUMS"


def shipped(folder: Path | None = None) -> Path | None:
    """Path of the shipped model; None where this version has none."""
    found = sorted((folder or FOLDER).glob("*.tflite"))
    return found[-1] if found else None


def is_as_shipped(file: ModelFile, folder: Path | None = None) -> bool:
    """Whether it holds what the folder's list of digests says; False where the list has it not.

    Raises
    ------
    BadModel
        The list has another digest for it: it was damaged since.
    """
    try:
        text = ((folder or FOLDER) / _SUMS).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    listed = {name.lstrip("*"): digest for digest, name in _pairs(text)}
    digest = listed.get(file.path.name)
    if digest is not None and digest.lower() != file.sha256:
        from edge.classification.model import BadModel

        raise BadModel(f"{file.path}: is damaged: not what {_SUMS} says; install it again")
    return digest is not None


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Lines as ``sha256sum`` writes them: digest, name."""
    for line in text.splitlines():
        digest, _, name = line.strip().partition(" ")
        yield digest, name.strip()
