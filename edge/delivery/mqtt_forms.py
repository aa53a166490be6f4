"""How MQTT writes a text and a number (OASIS MQTT 5.0, sections 1.5.4 and 1.5.5)."""

from __future__ import annotations

import struct

_LONGEST_TEXT = 65_535
_LONGEST_PACKET = 268_435_455


def text(value: str) -> bytes:
    """Write a text with its length before it.

    Raises
    ------
    ValueError
        More than 65,535 bytes of UTF-8, or no UTF-8 at all.
    """
    data = value.encode("utf-8")
    if len(data) > _LONGEST_TEXT:
        raise ValueError(f"a text of {len(data)} bytes, MQTT has room for {_LONGEST_TEXT}")
    return struct.pack(">H", len(data)) + data


def length(value: int) -> bytes:
    """Write a number in seven bits a byte, the lowest first.

    Raises
    ------
    ValueError
        More than MQTT has room for, 268,435,455.
    """
    if not 0 <= value <= _LONGEST_PACKET:
        raise ValueError(f"a packet of {value} bytes, MQTT has room for {_LONGEST_PACKET}")
    data = bytearray()
    while True:
        value, low = divmod(value, 128)
        data.append(low | (0x80 if value else 0))
        if not value:
            return bytes(data)
