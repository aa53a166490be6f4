"""The broker of the rounds, encrypted: as deploy/server sets it up, or as others would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.brokers import Mosquitto, encrypted, free_port, mosquitto
from tests.deploy.server_files import certificate, prepare, server_broker
from tests.system.chaos.disk import SmallDisk, small_disk

SERVER = "collector"
"""Who the server is at the broker."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that runs.

    Attributes
    ----------
    process : Mosquitto
        To be killed.
    url : callable
        Where it is for somebody of this name, with what lets them in.
    kept : Path
        Folder of what it keeps.
    disk : SmallDisk or None
        Under that folder; None where none may be mounted.
    """

    process: Mosquitto
    url: Callable[[str], str]
    kept: Path
    disk: SmallDisk | None


@contextmanager
def deployed_broker(folder: Path) -> Iterator[Broker]:
    """Run the broker of deploy/server: TLS, and a certificate for everybody.

    A rig's certificate is made when its URL is asked for; rigs of one name share it.
    """
    prepare(folder, "localhost")
    kept = folder / "broker" / "data"
    with small_disk(kept) as disk, server_broker(folder) as running:

        def url(name: str) -> str:
            if not (folder / "certificates" / f"{name}.crt").exists():
                certificate(folder, name)
            return running.url(name)

        yield Broker(running.process, url, kept, disk)


@contextmanager
def peers_broker(folder: Path, options: str) -> Iterator[Broker]:
    """Run one with TLS that lets all in; ``{folder}`` in its options is where it keeps."""
    kept, port = folder / "broker", free_port()
    with ExitStack() as opened:
        disk = opened.enter_context(small_disk(kept))
        lines = f"{options.format(folder=kept)}\n{encrypted(folder, port)}"
        process = opened.enter_context(mosquitto(options=lines))
        url = f"mqtts://localhost:{port}?ca_file={folder}/cert.pem"
        yield Broker(process, lambda _: url, kept, disk)
