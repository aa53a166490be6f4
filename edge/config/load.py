"""From a TOML file and the command line's options to a `Config`."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from edge.config.locate import line_of
from edge.config.model import Config
from edge.config.wording import allowed, wrong_key, wrong_section
from edge.errors import BadUse

LARGEST_FILE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file: its line (None: not in the file) and what to do."""

    line: int | None
    text: str


class BadConfig(BadUse):
    """A configuration that can't be used; `problems` holds all that is wrong with it."""

    def __init__(self, where: str, problems: list[Problem]) -> None:
        self.where = where
        self.problems = problems
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(self.lines()[0] + more)

    def lines(self) -> list[str]:
        """One line for each problem: ``rig.toml:12: …``."""
        return [
            f"{self.where}:{problem.line}: {problem.text}" if problem.line else problem.text
            for problem in self.problems
        ]


def load_config(
    path: str | Path | None = None, overrides: Mapping[str, Any] | None = None
) -> Config:
    """Read and validate a configuration.

    Parameters
    ----------
    path : path or None
        TOML file; None: the defaults. Relative paths in it begin at its folder.
    overrides : mapping of str to object, optional
        Values that win over the file's, such as ``{"rig.name": "attic"}``; None is no value.

    Returns
    -------
    Config

    Raises
    ------
    BadUse
        No such file, not TOML, an unknown key, a value that is not allowed: one line with the
        file, the line in it, what is wrong and what is right.
    """
    where = str(path) if path is not None else "configuration"
    text = _read(Path(path)) if path is not None else ""
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    try:
        config = Config.model_validate(_with(_parse(text, where), given))
    except RecursionError:
        raise BadConfig(where, [Problem(1, "nested deeper than any configuration")]) from None
    except ValidationError as error:
        problems = [_problem(detail, text, given) for detail in error.errors(include_url=False)]
        # Stable: what has no line of its own (an option) comes first.
        raise BadConfig(where, sorted(problems, key=lambda problem: problem.line or 0)) from None
    if path is None:
        return config
    return _anchored(config, Path(path).absolute().parent, set(given))


def _read(path: Path) -> str:
    try:
        content = path.read_bytes() if path.stat().st_size <= LARGEST_FILE_BYTES else None
    except FileNotFoundError:
        raise BadUse(f"{path}: no such file; `cosmic-edge config show` prints one") from None
    except OSError as error:
        raise BadUse(f"{path}: can't be read ({error.strerror or error})") from None
    if content is None:
        raise BadUse(f"{path}: larger than 1 MB, so it is no configuration")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadConfig(str(path), [Problem(line, "not UTF-8 text")]) from None


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line = int(place[1]) if place else len(text.splitlines())
        column = f" (column {place[2]})" if place else ""
        reason = str(error).partition(" (at ")[0]
        raise BadConfig(where, [Problem(max(line, 1), f"not TOML: {reason}{column}")]) from None


def _with(table: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(table)
    for dotted, value in given.items():
        section, _, key = dotted.partition(".")
        below = merged.setdefault(section, {})
        if isinstance(below, dict):
            below[key] = value
    return merged


def _anchored(config: Config, folder: Path, kept: set[str]) -> Config:
    """Let the file's relative paths begin at `folder`; those of options keep the working one."""
    sections = {}
    for name, section in config:
        moved = {
            key: folder / value
            for key, value in section
            if isinstance(value, Path) and not value.is_absolute() and f"{name}.{key}" not in kept
        }
        if moved:
            sections[name] = section.model_copy(update=moved)
    return config.model_copy(update=sections)


def _problem(detail: ErrorDetails, text: str, given: Mapping[str, Any]) -> Problem:
    path = [str(part) for part in detail["loc"] if isinstance(part, str)]
    dotted = ".".join(path)
    line = None if dotted in given else line_of(text, path)
    return Problem(line, " ".join(_describe(detail, path).split()))


def _describe(detail: ErrorDetails, path: list[str]) -> str:
    keys = {name: list(_keys(name)) for name in Config.model_fields}
    if detail["type"] == "extra_forbidden":
        return wrong_section(path[0], keys) if len(path) == 1 else wrong_key(path[0], path[1], keys)
    name = f"[{path[0]}]" + "".join(f" {key}" for key in path[1:])
    if detail["type"] == "value_error":
        return f"{name}: {detail['ctx']['error']}"
    return f"{name} must be {allowed(_keys(path[0])[path[1]])}, not {_shown(detail['input'])}"


def _keys(section: str) -> dict[str, Any]:
    model: Any = Config.model_fields[section].annotation
    properties: dict[str, Any] = model.model_json_schema()["properties"]
    return properties


def _shown(value: Any) -> str:
    """A value as TOML writes it, cut to a readable length."""
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
