"""Whether every part of a TFLite file lies inside it: a file that is cut short is found here.

tflite-runtime reads on behind the end of a file that lost its last bytes, and answers with whatever
lay in memory there. Only the frame is checked, not what it means: that is for the runtime to say.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, TypeAlias

Kind: TypeAlias = "str | int | list[str]"
"""A table by name, a vector by its elements' bytes, or a vector of such tables."""

_TEXT = 1
_OTHER = "Other"
# Fields that point somewhere, by their number in TFLite's schema (version 3).
_TABLES: Mapping[str, Mapping[int, Kind]] = {
    "Model": {
        1: ["OperatorCode"], 2: ["SubGraph"], 3: _TEXT, 4: ["Buffer"], 5: 4, 6: ["Metadata"],
        7: ["SignatureDef"],
    },
    "OperatorCode": {1: _TEXT},
    "SubGraph": {0: ["Tensor"], 1: 4, 2: 4, 3: ["Operator"], 4: _TEXT},
    "Tensor": {0: 4, 3: _TEXT, 4: "Quantization", 6: _OTHER, 7: 4},
    "Quantization": {0: 4, 1: 4, 2: 4, 3: 8},
    "Operator": {1: 4, 2: 4, 4: _OTHER, 5: 1, 7: 1, 8: 4, 12: _OTHER},
    "Buffer": {0: 1},
    "Metadata": {0: _TEXT},
    "SignatureDef": {0: ["TensorMap"], 1: ["TensorMap"], 2: _TEXT},
    "TensorMap": {0: _TEXT},
    _OTHER: {},
}  # fmt: skip
_MOST_TABLES = 200_000


def is_whole(content: bytes) -> bool:
    """Whether it is a TFLite file, and all that it points to lies inside it."""
    if content[4:8] != b"TFL3":
        return False
    walk = _Walk(content)
    try:
        walk.table(walk.pointed(0), "Model")
    except (struct.error, ValueError):
        return False
    return True


class _Walk:
    """Follows the pointers of a file; raises ValueError or struct.error where one leads out."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._tables = 0

    def pointed(self, place: int) -> int:
        """Where the pointer at a place leads."""
        (offset,) = struct.unpack_from("<I", self._content, place)
        return place + int(offset)

    def table(self, place: int, name: str) -> None:
        self._tables += 1
        if self._tables > _MOST_TABLES:
            raise ValueError("more tables than a model has")
        (back,) = struct.unpack_from("<i", self._content, place)
        layout = place - back
        if layout < 0:
            raise ValueError("a table without a layout")
        layout_bytes, own_bytes = struct.unpack_from("<HH", self._content, layout)
        self._reach(layout + layout_bytes)
        self._reach(place + own_bytes)
        for number, kind in _TABLES[name].items():
            entry = 4 + 2 * number
            if entry + 2 > layout_bytes:
                continue
            (offset,) = struct.unpack_from("<H", self._content, layout + entry)
            if offset:
                self._follow(self.pointed(place + offset), kind)

    def _follow(self, place: int, kind: Any) -> None:
        if isinstance(kind, str):
            self.table(place, kind)
            return
        (count,) = struct.unpack_from("<I", self._content, place)
        first = place + 4
        if isinstance(kind, int):
            self._reach(first + count * kind)
            return
        self._reach(first + 4 * count)
        for number in range(count):
            self.table(self.pointed(first + 4 * number), kind[0])

    def _reach(self, end: int) -> None:
        if end > len(self._content):
            raise ValueError("it ends before this part does")
