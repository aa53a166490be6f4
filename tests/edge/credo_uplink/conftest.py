"""A CREDO server, a rig's state folder, and the command between them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.delivery.database import open_database
from edge.messages import encode, envelope, format_utc_ns, parse_message
from tests.edge.credo_uplink.credo_server import TOKEN, CredoServer, running
from tests.edge.hits.made import START_NS, message
from tests.message_examples import body

MINUTE_NS = 60 * 10**9
_OWED = "INSERT INTO outbox (seq, kind, floor, bytes, body) VALUES (?, ?, ?, ?, ?)"


def exposure(
    seq: int, *, minute: int = 0, origin: str = "camera", **changes: Any
) -> dict[str, Any]:
    """An exposure record of the minute that ends `minute` minutes after the hits begin."""
    end_ns = START_NS + minute * MINUTE_NS
    span = {"from_utc": format_utc_ns(end_ns - MINUTE_NS), "to_utc": format_utc_ns(end_ns)}
    made = envelope(
        "exposure",
        {**body("exposure"), **span, **changes},
        rig="roof-1",
        epoch="0123456789ab",
        seq=seq,
        floor=1,
        origin=origin,
    )
    parse_message(encode(made))
    return made


def hit(seq: int, **changes: Any) -> dict[str, Any]:
    """A hit at a place of its own."""
    return message(seq, x_px=130 + seq % 20, y_px=230 + seq // 20, **changes)


@contextlib.contextmanager
def changed(path: Path) -> Iterator[sqlite3.Connection]:
    """Look into a database, or change it, from outside."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        yield db


@pytest.fixture
def credo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CredoServer]:
    """A server."""
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def rig(tmp_path: Path) -> Callable[..., Path]:
    """Write a rig's state folder."""

    def write(
        hits: Sequence[dict[str, Any]] = (), exposures: Sequence[dict[str, Any]] = ()
    ) -> Path:
        folder = tmp_path / "state"
        folder.mkdir(exist_ok=True)
        with contextlib.closing(open_database(folder / "rig.sqlite")) as db:
            for one in hits:
                text = encode(one).decode()
                key = (one["epoch"], one["seq"], one["time_utc"], one["class"], one["peak_adu"])
                db.execute("INSERT INTO archive VALUES (?, ?, ?, ?, ?, 0, 1, ?)", (*key, text))
            for one in exposures:
                text = encode(one).decode()
                row = (one["seq"], "exposure", None, len(text), text)
                db.execute(_OWED, row)
        return folder

    return write


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A file with the token that is the user's alone."""
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(TOKEN + "\n")
    return path


def arguments(credo: CredoServer, token_file: Path, *more: str) -> list[str]:
    """Of a run that does not wait long."""
    return [
        "credo", "send", "--url", credo.url, "--ca-file", str(credo.ca_file), "--token-file",
        str(token_file), "--longest-wait", "0.02", "--timeout", "5", "--json", *more,
    ]  # fmt: skip


@pytest.fixture
def send(
    credo: CredoServer, token_file: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, dict[str, Any], str]]:
    """Run ``credo send``: exit code, summary, what it said besides. Its sums are looked at."""

    def run(*more: str | Path) -> tuple[int, dict[str, Any], str]:
        code = main(arguments(credo, token_file, *map(str, more)))
        said = capsys.readouterr()
        summary = json.loads(said.out) if said.out else {}
        for part in (summary, summary.get("hits"), summary.get("pings")):
            if part:
                ends = ("sent", "already_sent", "refused", "not_real", "left")
                assert part["offered"] == sum(part[name] for name in ends)
        return code, summary, said.err

    return run
