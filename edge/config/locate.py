"""The line of a TOML file on which a key is set."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any


def line_of(text: str, path: Sequence[str]) -> int | None:
    """1-based line where the statement begins that first sets `path`; None where nothing does.

    `tomllib` keeps no positions. A file cut after a whole statement is TOML again, one cut inside
    a statement is not: so the statement is the one with which the key appears.
    """
    lines = text.splitlines(keepends=True)
    begin = 0
    for end in range(1, len(lines) + 1):
        try:
            table = tomllib.loads("".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
        if _has(table, path):
            return begin + 1
        begin = end
    return None


def _has(table: Any, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return True
