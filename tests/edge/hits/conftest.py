"""Hits as a rig writes them, and a state folder that holds some."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.delivery.database import open_database
from edge.messages import encode
from tests.edge.hits.made import message

Messages = Callable[..., dict[str, Any]]


@pytest.fixture
def hit_message() -> Messages:
    """Make a hit message that is right; see `message`."""
    return message


@pytest.fixture
def write_lines(tmp_path: Path) -> Callable[[Sequence[dict[str, Any]]], Path]:
    """Write messages as a replay's hits file."""

    def write(messages: Sequence[dict[str, Any]], name: str = "hits.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(b"".join(encode(one) + b"\n" for one in messages))
        return path

    return write


@pytest.fixture
def write_archive(tmp_path: Path) -> Callable[..., Path]:
    """Write messages as a rig's archive; the last two are not acknowledged."""

    def write(messages: Sequence[dict[str, Any]], *, unsent: int = 2) -> Path:
        folder = tmp_path / "state"
        folder.mkdir(exist_ok=True)
        with contextlib.closing(open_database(folder / "rig.sqlite")) as database:
            for position, one in enumerate(messages):
                sent = int(position < len(messages) - unsent)
                text = encode(one).decode()
                key = (one["epoch"], one["seq"], one["time_utc"], one["class"], one["peak_adu"])
                database.execute(
                    "INSERT INTO archive VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*key, sent, 1 - sent, text),
                )
        return folder

    return write
