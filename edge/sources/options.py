"""Options of a source URL: strings in, a typed frozen dataclass out."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union

from edge.errors import BadUse

T = TypeVar("T")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_EXPECTED = {
    bool: "1 or 0 (true/false, yes/no, on/off)",
    int: "a whole number",
    float: "a number",
    str: "text",
}


def parse_options(
    options: Mapping[str, str],
    model: type[T],
    where: str,
    defaults: Mapping[str, Any] | None = None,
) -> T:
    """Turn option strings into `model`.

    Parameters
    ----------
    options : mapping of str to str
        Such as the query of a source URL.
    model : type
        A frozen dataclass; its fields are int, float, bool, str or a Literal of these, or
        Optional of one of them. `__post_init__` may raise ValueError to refuse a value.
    where : str
        Begins the error line, such as "webcam:0".
    defaults : mapping, optional
        Values that stand before the fields' own defaults.

    Returns
    -------
    model
        Defaults filled in; "" gives None where the field is Optional.

    Raises
    ------
    BadUse
        Unknown key (with the nearest right one), a value of the wrong kind, a missing option.
    """
    where = where.removesuffix(":")  # "sim: …" reads better than "sim:: …"
    hints = typing.get_type_hints(model)
    fields = {f.name: f for f in dataclasses.fields(model) if f.init}  # type: ignore[arg-type]
    for key in options:
        if key not in fields:
            raise BadUse(unknown_key(key, list(fields), where))
    for name, field in fields.items():
        if name not in options and name not in (defaults or {}) and _is_required(field):
            raise BadUse(f"{where}: option {name}= is missing")
    values = {key: _convert(text, hints[key], f"{where}: {key}") for key, text in options.items()}
    try:
        return model(**{**(defaults or {}), **values})
    except ValueError as error:
        raise BadUse(f"{where}: {error}") from None


def unknown_key(key: str, known: list[str], where: str) -> str:
    """Say that `key` is unknown and name the nearest right one, if any is near."""
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.5)
    if near:
        return f'{where}: unknown option "{key}"; did you mean "{near[0]}"?'
    if not known:
        return f'{where}: unknown option "{key}"; it takes no options'
    return f'{where}: unknown option "{key}"'


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _convert(text: str, hint: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        if text == "" and len(kinds) < len(typing.get_args(hint)):
            return None
        return _convert(text, kinds[0], where)
    if origin is Literal:
        return _choice(text, typing.get_args(hint), where)
    if hint not in _EXPECTED:
        raise TypeError(f"{where}: parse_options can't make a {hint}")
    value = _scalar(text.strip(), hint)
    if value is None:
        raise BadUse(f'{where}: expected {_EXPECTED[hint]}, got "{text}"')
    return value


def _choice(text: str, choices: tuple[Any, ...], where: str) -> Any:
    for choice in choices:
        if text == str(choice):
            return choice
    raise BadUse(f'{where}: expected {" or ".join(map(str, choices))}, got "{text}"')


def _scalar(text: str, kind: type) -> Any | None:
    """Value of `text` as `kind`; None where it isn't one."""
    if kind is str:
        return text
    if kind is bool:
        lower = text.lower()
        return True if lower in _TRUE else False if lower in _FALSE else None
    try:
        value = kind(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
