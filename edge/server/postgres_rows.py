"""A message as a row of PostgreSQL."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from edge.messages import HitMessage
from edge.server.rows import row_of
from edge.server.transaction import Kept

_TIMES = frozenset({"time_utc", "from_utc", "to_utc", "made_utc"})
_TEXTS = ("rig", "epoch", "origin", "clock", "series", "class", "calibration_id")
_WHOLE = ("seq", "frame", "x_px", "y_px", "peak_adu", "area_px", "live_time_ns", "candidates")
_COLUMN_TYPES = {
    **dict.fromkeys(_TEXTS, "text"),
    **dict.fromkeys((*_WHOLE, "hits"), "int8"),
    **dict.fromkeys((*_TIMES, "received_utc"), "timestamptz"),
    "message": "jsonb",
    "crop": "bytea",
}
"""Of what is not a float8."""
_DATA = '"data":"'


def type_of(column: str) -> str:
    """PostgreSQL's type of a column."""
    return _COLUMN_TYPES.get(column, "float8")


def row_for(kept: Kept, received: datetime) -> tuple[str, dict[str, Any]]:
    """Return a message's table and its columns.

    Raises
    ------
    ValueError
        PostgreSQL has no form for it.
    """
    row = row_of(kept.message)
    columns = {
        name: _moment(value) if name in _TIMES and value is not None else value
        for name, value in row.columns.items()
    }
    text = kept.payload.decode("utf-8")
    if isinstance(kept.message, HitMessage):
        data = kept.message.crop.data
        text = text if data is None else without_crop(text, data)
        # Empty: the rig gave the picture up, as the message says.
        columns["crop"] = kept.message.crop.png
    columns["received_utc"] = received
    columns["message"] = Jsonb(text, dumps=_as_it_is)
    return row.table, columns


def without_crop(text: str, data: str) -> str:
    """Return a hit as JSON with null in place of its crop's data, which is kept beside it."""
    begin = text.find(_DATA) + len(_DATA)
    end = begin + len(data)
    # Looked for by what stands before it: to search for 5 kB, or in them, takes longer than all the
    # rest. Base64 has no quotes, so that the name can't stand inside.
    found = begin >= len(_DATA) and text.startswith(data, begin) and text.startswith('"', end)
    if found and text.find(_DATA, end) < 0:
        return f"{text[: begin - 1]}null{text[end + 1 :]}"
    # Another way of writing the same text, or the same text twice.
    message = json.loads(text)
    message["crop"]["data"] = None
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _moment(text: str) -> datetime:
    """Time of a message to the microsecond, PostgreSQL's own step."""
    return datetime.fromisoformat(f"{text[:26]}+00:00")


def _as_it_is(text: Any) -> str:
    return str(text)
