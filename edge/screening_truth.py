"""What is known of screened frames, and how well a screening agrees with it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from calibration.screen import REASONS
from edge.errors import BadUse, Failed
from edge.screening import ScreenedFrame

_GOOD = {"good", "ok", "0", "false", "no"}
_BAD = {"bad", "1", "true", "yes", *REASONS} - {"too_few"}
_FILE_COLUMNS = ("file", "name", "path", "filename")
_LABEL_COLUMNS = ("verdict", "label", "bad", "truth", "class", "reason")


def read_truth(path: Path) -> dict[str, bool]:
    """Read a JSON or CSV file of file names with "good" or "bad"; True is bad.

    JSON: an object ``{"file": "bad", …}`` or a list of objects; CSV: a line of names such as
    ``file,verdict``, then a line for each file.

    Raises
    ------
    BadUse
        It can't be understood; the message names what.
    Failed
        It can't be read.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise Failed(f"{path}: can't be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise BadUse(f"{path}: is no text; expected JSON or CSV of files and verdicts") from None
    rows = _json_rows(path, text) if text.lstrip().startswith(("{", "[")) else _csv_rows(path, text)
    truth = {file: _is_bad(path, file, label) for file, label in rows}
    if not truth:
        raise BadUse(f"{path}: names no files; expected lines such as: dark_1.fits,bad")
    return truth


def _json_rows(path: Path, text: str) -> Iterable[tuple[str, str]]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadUse(f"{path}: is no JSON ({error})") from None
    if isinstance(value, dict) and isinstance(value.get("frames"), list):
        value = value["frames"]
    if isinstance(value, dict):
        return [(str(file), _text(label)) for file, label in value.items()]
    if not all(isinstance(row, dict) for row in value):
        raise BadUse(f'{path}: expected an object such as {{"dark_1.fits": "bad"}}')
    return [_row(path, row) for row in value]


def _csv_rows(path: Path, text: str) -> Iterable[tuple[str, str]]:
    lines = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    if not lines:
        return []
    names = [cell.strip().lower() for cell in lines[0]]
    if not set(names) & set(_FILE_COLUMNS):
        names, lines = ["file", "verdict"], [[], *lines]
    return [_row(path, dict(zip(names, line, strict=False))) for line in lines[1:]]


def _row(path: Path, row: Mapping[str, Any]) -> tuple[str, str]:
    file = next((row[name] for name in _FILE_COLUMNS if row.get(name)), None)
    label = next((row[name] for name in _LABEL_COLUMNS if row.get(name) is not None), None)
    if label == "" and row.get("reason") == "":
        label = "good"  # a column of reasons names what is wrong, if anything is
    if file is None or label is None:
        raise BadUse(f"{path}: each entry needs a file and a verdict, as in: file,verdict")
    return str(file).strip(), _text(label)


def _text(label: Any) -> str:
    if isinstance(label, dict):
        label = next((label[name] for name in _LABEL_COLUMNS if name in label), "")
    return str(label).strip().lower()


def _is_bad(path: Path, file: str, label: str) -> bool:
    if label in _GOOD:
        return False
    if label in _BAD:
        return True
    raise BadUse(f"{path}: {file} is {label!r}; expected good or bad")


def score(lines: Sequence[ScreenedFrame], truth: Mapping[str, bool]) -> dict[str, Any]:
    """Precision, recall and F1 of "bad"; an unjudged frame is not kept out, so it counts as good.

    Names agree when one is the end of the other, folder by folder.
    """
    known = [(line.verdict == "bad", _lookup(line.file, truth)) for line in lines]
    found = sum(said and is_bad is True for said, is_bad in known)
    false = sum(said and is_bad is False for said, is_bad in known)
    missed = sum(not said and is_bad is True for said, is_bad in known)
    passed = sum(not said and is_bad is False for said, is_bad in known)
    return {
        "true_bad": found,
        "false_bad": false,
        "missed_bad": missed,
        "true_good": passed,
        "without_truth": sum(is_bad is None for _, is_bad in known),
        "precision": found / (found + false) if found + false else None,
        "recall": found / (found + missed) if found + missed else None,
        "f1": 2 * found / (2 * found + false + missed) if found + false + missed else None,
    }


def _lookup(file: str, truth: Mapping[str, bool]) -> bool | None:
    if file in truth:
        return truth[file]
    ours = PurePath(file).parts
    for name, is_bad in truth.items():
        theirs = PurePath(name).parts
        shared = min(len(ours), len(theirs))
        if shared and ours[-shared:] == theirs[-shared:]:
            return is_bad
    return None
