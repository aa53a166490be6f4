"""JSON, an object a line: read as a stream, faults told in one line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.errors import BadUse, Failed

_LONGEST_LINE_BYTES = 8 << 20
MOST = 2**63 - 1


def objects(path: Path, kind: str, notes: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a file, one line in memory at a time.

    A last line that was cut short, as an interrupted writer leaves it, goes into `notes`.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        What it should be, with its article, for messages.
    notes : list of str
        Gets a line for what is left out.

    Raises
    ------
    BadUse
        No such file, or a line that is no JSON object.
    Failed
        It can't be read.
    """
    try:
        with path.open("rb") as file:
            lines = iter(lambda: file.readline(_LONGEST_LINE_BYTES), b"")
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                    if not isinstance(value, dict):
                        raise ValueError("it is no object")
                except (ValueError, RecursionError) as error:
                    if number > 1 and not line.endswith(b"\n") and len(line) < _LONGEST_LINE_BYTES:
                        notes.append(f"{path}: line {number} is cut short and left out")
                        return
                    why = "no JSON" if isinstance(error, json.JSONDecodeError) else str(error)
                    raise BadUse(f"{path}, line {number}: {why}; name {kind}") from None
                yield number, value
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise BadUse(f"{path}: {error.strerror}; name {kind}") from None
    except OSError as error:
        raise Failed(f"{path}: can't be read: {error.strerror or error}") from None


def whole(line: dict[str, Any], key: str, default: int | None = None, *, most: int = MOST) -> int:
    """A count, a place or a number of a frame: whole, not negative, `most` or less.

    Raises
    ------
    ValueError
        It is missing without a default, or no such number.
    """
    value = line.get(key, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{key} is {value!r:.40}" if key in line else f"{key} is missing")
    return value


def number(line: dict[str, Any], key: str, default: float | None = None) -> float:
    """A finite number.

    Raises
    ------
    ValueError
        It is missing without a default, or no such number.
    """
    value = line.get(key)
    if value is None:
        value = default
    if value is None:
        raise ValueError(f"{key} is missing")
    if type(value) not in (int, float) or (value is not default and not math.isfinite(value)):
        raise ValueError(f"{key} is {value!r:.40}")
    return float(value)


def text(line: dict[str, Any], key: str, default: str) -> str:
    """A short text.

    Raises
    ------
    ValueError
        It is something else.
    """
    value = line.get(key)
    if value is None:
        return default
    if not isinstance(value, str) or len(value) > 256:
        raise ValueError(f"{key} is {value!r:.40}")
    return value
