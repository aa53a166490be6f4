"""A configuration as a complete, commented TOML file."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from edge.config.model import Config
from edge.config.section import Section
from edge.config.wording import allowed

WIDTH = 92


def to_toml(config: Config) -> str:
    """Every key with its description and what it allows; unset ones stand behind a #."""
    tables = [_table(name, section) for name, section in config]
    head = "# Configuration of a cosmic-edge rig. What is left out has the value written here.\n"
    return "\n".join([head, *tables])


def _table(name: str, section: Section) -> str:
    schema = type(section).model_json_schema()
    lines = [*_comment(schema["description"]), f"[{name}]"]
    for key, value in section:
        about = schema["properties"][key]
        lines += _comment(f"{about['description']} ({allowed(about)})")
        lines.append(f"# {key} =" if value is None else f"{key} = {_value(value)}")
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH, break_on_hyphens=False)]


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, Path):
        return _text(_short(value))
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def _text(value: str) -> str:
    # A JSON string is a TOML basic string but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _short(path: Path) -> str:
    """A path below the home folder with ``~``, so that the file serves another user as well."""
    try:
        return f"~/{path.relative_to(Path('~').expanduser())}"
    except (ValueError, RuntimeError):
        return str(path)
