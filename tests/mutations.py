"""Messages spoilt in every way a wire, a disk, a clock or a stranger spoils them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

# Written as a text and then unquoted: JSON that Python's own writer would never make.
_RAW = "@@raw@@"
_DEEP = (10, 150, 250, 3000)
TOKENS = (
    *("NaN", "Infinity", "-Infinity", "1e400", "-1e999", "1e-400", "1" + "0" * 400, "-0.0"),
    *("1" + "0" * 5000, "01", "+1", ".5", "0x10", "1_0", "True", "nul", "'a'", ""),
    *(r'"\u0000"', r'"\ud800"', r'"\udfff\ud800"', r'"\x00"', '"\x00"', '"\x01"', '"\t"'),
    *("[" * n + "]" * n for n in _DEEP),
    *('{"a":' * n + "1" + "}" * n for n in _DEEP),
    *('{"a":1,"a":2}', '{"__proto__":{}}', "[]//", "/**/1", "1,"),
)
"""What stands in place of a value, as it is."""
VALUES: tuple[Any, ...] = (
    *(None, True, False, [], {}, "", [[]], {"": ""}, [None] * 100),
    *(0, -1, 1, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64),
    *(0.0, -0.5, 1.5, 1e308, 5e-324, 1e300, 9007199254740993.0),
    *("0", "1e5", "nan", " ", "a" * 65, "a" * 257, "a" * 70_000, "\ufeff", "\U0001f4a5", "\u202e"),
    *("'; DROP TABLE hits; --", "%s%n", "../../etc/passwd", "${HOME}", "\\N", "a\nb", "\x7f"),
    *("0000-00-00T00:00:00.000000000Z", "0001-01-01T00:00:00.000000000Z"),
    *("9999-12-31T23:59:59.999999999Z", "2026-02-30T00:00:00.000000000Z"),
    *("1582-10-10T00:00:00.000000000Z", "2016-12-31T23:59:60.000000000Z"),
    *("2026-11-21T10:00:00Z", "2026-11-21T10:00:00.050000000+01:00", "-2026-11-21T10:00:00Z"),
)
"""What stands in place of a value, as Python writes it."""


def spoil_json(message: dict[str, Any], chance: random.Random) -> bytes:
    """Change one thing inside a JSON object and write it."""
    parent, key = chance.choice(_places(message))
    change = chance.randrange(8)
    if change < 3:
        parent[key] = chance.choice(VALUES)
    elif change == 3:
        parent[key] = str(parent[key]) if chance.random() < 0.5 else [parent[key]]
    elif change == 4:
        del parent[key]
    elif change == 5 and isinstance(parent, dict):
        parent[chance.choice(("extra", "", "rig ", "Schema", "seq", "x_px", "\ufeff"))] = 1
    elif change == 6 and isinstance(parent, dict):
        return _twice(message, parent, key, chance)
    else:
        parent[key] = _RAW
    return _written(message).replace(f'"{_RAW}"'.encode(), _token(chance), 1)


def spoil_bytes(payload: bytes, other: bytes, chance: random.Random) -> bytes:
    """Change what a wire or a disk may change: bits, cuts, doublings, another one's half."""
    content = bytearray(payload)
    for _ in range(chance.randint(1, 4)):
        if not content:
            break
        at = chance.randrange(len(content))
        chance.choice(_DAMAGES)(content, at, chance)
    if chance.random() < 0.1:
        return bytes(content[: len(content) // 2]) + other[len(other) // 2 :]
    return bytes(content)


def nonsense(chance: random.Random) -> bytes:
    """No message at all."""
    return chance.choice(
        (
            lambda: b"",
            lambda: chance.randbytes(chance.randint(1, 400)),
            lambda: b"\xff\xfe" + '{"schema":1}'.encode("utf-16-le"),
            lambda: b"\xef\xbb\xbf{}",
            lambda: _token(chance),
            lambda: json.dumps(chance.choice(VALUES)).encode(),
            lambda: b"\0" * chance.randint(1, 64),
            lambda: b"\x1f\x8b\x08" + chance.randbytes(20),
        )
    )()


def _flip(content: bytearray, at: int, chance: random.Random) -> None:
    content[at] ^= 1 << chance.randrange(8)


def _write(content: bytearray, at: int, chance: random.Random) -> None:
    content[at] = chance.choice((0, 0xFF, 0x80, 0xC0, 0x22, 0x5C, 0x7B, chance.randrange(256)))


def _cut(content: bytearray, at: int, chance: random.Random) -> None:
    del content[at : at + chance.randint(1, 40)]


def _double(content: bytearray, at: int, chance: random.Random) -> None:
    content[at:at] = content[at : at + chance.randint(1, 40)]


def _insert(content: bytearray, at: int, chance: random.Random) -> None:
    content[at:at] = chance.choice((b"\xed\xa0\x80", b"\xc0\x80", b"\xf8", chance.randbytes(3)))


def _break_off(content: bytearray, at: int, _chance: random.Random) -> None:
    del content[at:]


def _digit(content: bytearray, _at: int, chance: random.Random) -> None:
    """Another number that looks as good as the first."""
    digits = [place for place, one in enumerate(content) if 0x30 <= one <= 0x39]
    if digits:
        content[chance.choice(digits)] = 0x30 + chance.randrange(10)


_DAMAGES: tuple[Callable[[bytearray, int, random.Random], None], ...] = (
    *(_flip, _write, _cut, _double, _insert, _break_off, _digit),
)


def _places(node: Any) -> list[tuple[Any, Any]]:
    """Every value inside, by what holds it."""
    keys = list(node) if isinstance(node, dict) else range(len(node))
    found: list[tuple[Any, Any]] = []
    for key in keys:
        found.append((node, key))
        if isinstance(node[key], dict | list):
            found += _places(node[key])
    return found


def _twice(message: Any, parent: dict[str, Any], key: str, chance: random.Random) -> bytes:
    """The same field twice, once with something else."""
    kept, parent[key] = parent[key], _RAW
    first, second = _written(kept), chance.choice((_token(chance), _written(kept)))
    if chance.random() < 0.5:
        first, second = second, first
    both = first + b"," + _written(key) + b":" + second
    return _written(message).replace(f'"{_RAW}"'.encode(), both, 1)


def _token(chance: random.Random) -> bytes:
    return chance.choice(TOKENS).encode()


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
