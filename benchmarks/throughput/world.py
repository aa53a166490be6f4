"""A broker with TLS, a database that waits for its disk, and what each process costs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.brokers import encrypted, free_port, mosquitto
from tests.postgres import Postgres, why_not

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class World:
    """Where everything is.

    Attributes
    ----------
    broker : str
        URL with the authority's file.
    broker_port : int
        Of the encrypted listener.
    ca_file : Path
        The authority of the broker's certificate.
    database : str
        URL of an empty database.
    folder : Path
        For files, on the disk that is measured.
    """

    broker: str
    broker_port: int
    ca_file: Path
    database: str
    folder: Path


@contextmanager
def world(parent: Path | None) -> Iterator[World]:
    """Start both and end them."""
    if reason := why_not():
        raise SystemExit(reason)
    with TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        port = free_port()
        options = "\n".join([
            encrypted(folder, port),
            # As deploy/mosquitto.conf has them.
            "max_inflight_messages 0",
            "max_queued_messages 10000000",
            "max_queued_bytes 1073741824",
        ])  # fmt: skip
        server = Postgres(durable=True)
        try:
            with mosquitto(options=f"{options}\nlog_type error") as broker:
                url = f"mqtts://localhost:{port}?ca_file={folder}/cert.pem"
                assert broker.log is not None
                yield World(url, port, folder / "cert.pem", server.create(), folder)
        finally:
            server.stop()


def cpu_s(name: str) -> float:
    """CPU time that this process's descendants of this name have taken, ended ones with them."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        said, _, rest = text.partition("(")[2].rpartition(")")
        fields = rest.split()
        number = int(stat.parent.name)
        parents[number] = int(fields[1])
        if said == name:
            ticks[number] = sum(int(value) for value in fields[11:15])
    return sum(spent for number, spent in ticks.items() if _is_mine(number, parents)) / _TICKS


def _is_mine(number: int, parents: dict[int, int]) -> bool:
    while number in parents:
        number = parents[number]
        if number == os.getpid():
            return True
    return False


def process_cpu_s(process: subprocess.Popen[str]) -> float:
    """CPU time of one running process."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(value) for value in fields[11:13]) / _TICKS
