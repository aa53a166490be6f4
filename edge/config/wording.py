"""What is said of a key: what it allows, and which right key a wrong one is near to."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from edge.config.section import ALLOWED

UNITS = (
    "adu", "bytes", "c", "cm2", "days", "deg", "fps", "gb", "h", "hours", "k", "kb", "km", "m",
    "mb", "min", "minutes", "mm", "ms", "mv", "ns", "percent", "permille", "px", "rad", "rows", "s",
    "seconds", "share", "sigma", "sigmas", "um", "us",
)  # fmt: skip


def allowed(schema: dict[str, Any]) -> str:
    """What a key may hold, from its JSON Schema: "a whole number from 3 to 500"."""
    if ALLOWED in schema:
        return str(schema[ALLOWED])
    if "anyOf" in schema:
        schema = next(kind for kind in schema["anyOf"] if kind.get("type") != "null")
    if "enum" in schema:
        return " or ".join(f'"{choice}"' for choice in schema["enum"])
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _range(schema)
    if kind == "boolean":
        return "true or false"
    return "a path in quotes" if schema.get("format") == "path" else "a text in quotes"


def _range(schema: dict[str, Any]) -> str:
    over, high = schema.get("exclusiveMinimum"), schema.get("maximum")
    above = over is not None
    begin = f" above {_number(over)}" if above else f" from {_number(schema['minimum'])}"
    if high is None:
        return f"{begin} up"
    return f"{begin}{', at most' if above else ' to'} {_number(high)}"


def _number(value: Any) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def stem(key: str) -> str:
    """A key without its unit: ``false_triggers_per_hour`` is ``false_triggers``."""
    words = key.lower().replace("-", "_").split("_")
    while len(words) > 1 and words[-1] in (*UNITS, "per", "hour", "minute", "second", "day"):
        words.pop()
    return "_".join(words)


def near(key: str, known: Iterable[str]) -> str | None:
    """The right key that a wrong one is nearest to."""
    names = list(known)
    same = [name for name in names if stem(name) == stem(key)]
    close = difflib.get_close_matches(key.lower().replace("-", "_"), same or names, 1, 0.6)
    return close[0] if close else (same[0] if same else None)


def wrong_key(section: str, key: str, sections: Mapping[str, Iterable[str]]) -> str:
    """Say that a key is not known, and which one is meant."""
    what = f'[{section}] has no key "{key}"'
    right = near(key, sections[section])
    if right is not None and right != key:
        unit = " (another unit)" if stem(right) == stem(key) else ""
        return f'{what}; did you mean "{right}"{unit}?'
    elsewhere = [name for name, keys in sections.items() if key in keys]
    if elsewhere:
        return f"{what}; it belongs to " + " or ".join(f"[{name}]" for name in elsewhere)
    return f"{what}; it has {', '.join(sections[section])}"


def wrong_section(section: str, sections: Mapping[str, Iterable[str]]) -> str:
    """Say that a table is not known, and which one is meant."""
    what = f"there is no table [{section}]"
    homes = [name for name, keys in sections.items() if section in keys]
    if homes:
        return f'"{section}" belongs below ' + " or ".join(f"[{name}]" for name in homes)
    right = near(section, sections)
    return f"{what}; did you mean [{right}]?" if right else f"{what}; known are {_list(sections)}"


def _list(sections: Iterable[str]) -> str:
    return ", ".join(f"[{name}]" for name in sections)
