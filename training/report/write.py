"""From predictions on groups never seen to a folder: one page, its pictures, the figures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.drawing import new_figure
from edge.errors import BadUse, Failed
from edge.outfile import FileKind, check_place, write_whole
from training.crossval import Compared, Given
from training.report.build import REPORT, Told, build
from training.report.page import MARK
from training.report.plots import WHAT

PAGE, FIGURES = "report.html", "report.json"
PICTURES = (
    "confusion.png", "reliability.png", "kept.png", "mistakes.png", "clusters.png",
    "cluster_members.png",
)  # fmt: skip
_PICTURE = FileKind("a picture of a training report", b"Title\0training report")
_KINDS: Mapping[str, FileKind] = {
    PAGE: FileKind("a training report", MARK),
    FIGURES: FileKind("the figures of a training report", f'"report": "{REPORT}"'.encode()),
    **dict.fromkeys(PICTURES, _PICTURE),
}


def prepare_report(folder: Path) -> None:
    """Make the folder of a report, or refuse it, before any work is done.

    A new or an empty one will do, or one that holds an earlier report and nothing else, which is
    replaced.

    Raises
    ------
    BadUse
        It is no folder, or holds something else.
    Failed
        It can't be made or looked at.
    ModuleNotFoundError
        matplotlib is missing; the message is one line for the user.
    """
    new_figure((1.0, 1.0), 72, WHAT)
    if folder.name in ("", "..") or (folder.exists() and not folder.is_dir()):
        raise BadUse(f"{folder}: is no folder for a report; name a new or an empty one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = sorted(one.name for one in folder.iterdir())
    except OSError as error:
        raise Failed(f"{folder}: can't be used ({error.strerror or error})") from None
    other = [name for name in there if name not in _KINDS]
    if other:
        raise BadUse(f"{folder}: holds {other[0]}, which is no report's; name a new folder")
    for name in there:
        check_place(folder / name, _KINDS[name])


def write_report(
    folder: Path,
    given: Given,
    found: Sequence[Compared],
    *,
    chosen: str | None = None,
    seed: int = 0,
    told: Told | None = None,
) -> Path:
    """Write ``report.html``, which needs no other file, the pictures in it, and ``report.json``.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    given : Given
        What was judged.
    found : sequence of Compared
        At least one method, all of the same rows.
    chosen : str, optional
        Whose mistakes are shown; None: the best method's.
    seed : int
        Of the clustering.
    told : callable, optional
        Told a line before what takes long.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    BadUse
        The place is not to be used (`prepare_report`), or no method has the name `chosen`.
    Failed
        It can't be written.
    ModuleNotFoundError
        matplotlib or scikit-learn is missing.
    """
    prepare_report(folder)
    built = build(given, found, chosen=chosen, seed=seed, told=told)
    try:
        for name in set(PICTURES) - set(built.pictures):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise Failed(f"{folder}: can't be written ({error.strerror or error})") from None
    for name, png in built.pictures.items():
        write_whole(folder / name, png)
    write_whole(folder / FIGURES, json.dumps(_plain(built.figures), indent=1).encode())
    write_whole(folder / PAGE, built.page)
    return folder / PAGE


def _plain(value: Any) -> Any:
    """Six digits are enough for a reader; a number that is not finite becomes null."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
