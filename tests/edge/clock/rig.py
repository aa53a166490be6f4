"""Real and made NTP servers for tests."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.clock import SystemClock, boottime_ns
from edge.clock.exchange import Rejected, Sample
from edge.clock.server import Server

NTP_DELTA = 2_208_988_800
UNPACKED = Path(__file__).parents[3] / "build" / "debian"
FAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"


def truth_ns() -> int:
    """UTC - boot time as this machine has it, which is what a chronyd here serves."""
    # Of several readings the tightest: a busy computer may come between two for milliseconds.
    return min(_bracket() for _ in range(20))[1]


def _bracket() -> tuple[int, int]:
    """Width of a comparison of the two clocks, and UTC - boot time in it."""
    before = boottime_ns()
    wall = time.time_ns()
    after = boottime_ns()
    return after - before, wall - (before + after) // 2


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    """Debian's program, or its files in build/debian (tools/packages)."""
    beside = f"{UNPACKED}/usr/sbin:{UNPACKED}/usr/bin"
    found = shutil.which(name) or shutil.which(name, path=f"/usr/sbin:/sbin:/usr/bin:{beside}")
    if found is None:
        pytest.skip(f"{name} is not installed (apt install chrony)")
    return found


def query(host: str, port: int, timeout_s: float = 5.0) -> Sample:
    return Server(host, port).ask(timeout_s)


def libfaketime() -> str:
    found = sorted(Path("/").glob(FAKETIME[1:]))
    if not found:
        pytest.skip("libfaketime is not installed (apt install libfaketime)")
    return str(found[0])


@contextlib.contextmanager
def chronyd(
    folder: Path, port: int, *, shift_s: float = 0.0, address: str = "127.0.0.1", more: str = ""
) -> Iterator[None]:
    """Debian's chronyd serving this machine's time as stratum 3, leaving its clock alone."""
    environment = dict(os.environ)
    if shift_s:
        environment |= {
            "LD_PRELOAD": libfaketime(),
            "FAKETIME": f"{shift_s:+}s",
            "DONT_FAKE_MONOTONIC": "1",
        }
    config = folder / f"chrony-{port}.conf"
    config.write_text(
        f"port {port}\nbindaddress {address}\ncmdport 0\n{more or 'bindcmdaddress /'}\n"
        f"pidfile {folder}/chrony-{port}.pid\nlocal stratum 3\nallow {address}\n"
    )
    log = folder / f"chrony-{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [program("chronyd"), "-x", "-U", "-d", "-F", "0", "-u", "root", "-f", str(config)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        deadline = time.monotonic() + 5
        while True:
            with contextlib.suppress(Rejected):
                query(address, port, timeout_s=0.2)
                break
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"chronyd does not serve here: {log.read_text().strip()[-200:]}")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(5)


def unsynced_system() -> SystemClock:
    return SystemClock(max_error_s=lambda: 16.0)


Reply = Callable[[bytes], "bytes | None"]


def stamp64(seconds: float) -> bytes:
    return struct.pack(">Q", int((seconds + NTP_DELTA) * 2**32) % 2**64)


def reply(
    request: bytes,
    *,
    leap: int = 0,
    mode: int = 4,
    stratum: int = 2,
    ref_id: bytes = b"\x7f\0\0\1",
    shift_s: float = 0.0,
    root_dispersion_s: float = 0.001,
    origin: bytes | None = None,
) -> bytes:
    """What a server answers, by the letter of RFC 5905."""
    now = time.time() + shift_s
    return (
        struct.pack(">BBbb", leap << 6 | 4 << 3 | mode, stratum, 6, -20)
        + struct.pack(">II", 1 << 6, int(root_dispersion_s * 2**16))
        + ref_id
        + stamp64(now - 10)
        + (request[40:48] if origin is None else origin)
        + stamp64(now)
        + stamp64(now)
    )


@contextlib.contextmanager
def serving(answer: Reply, address: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """A server that answers as told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind((address, port))
        endpoint.settimeout(0.05)
        done = threading.Event()

        def run() -> None:
            while not done.is_set():
                with contextlib.suppress(TimeoutError):
                    data, peer = endpoint.recvfrom(256)
                    if (packet := answer(data)) is not None:
                        endpoint.sendto(packet, peer)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"{address}:{endpoint.getsockname()[1]}"
        finally:
            done.set()
            thread.join()


@contextlib.contextmanager
def slow_way(port: int, seed: int, most_s: float = 0.004) -> Iterator[str]:
    """A way to a server that takes a random time, another one there than back."""
    way = random.Random(seed)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        near.bind(("127.0.0.1", 0))
        near.settimeout(0.05)
        done = threading.Event()

        def run() -> None:
            while not done.is_set():
                try:
                    data, peer = near.recvfrom(256)
                except TimeoutError:
                    continue
                # Mostly short, now and then long, and each time with a bias to one side.
                there_s, back_s = (most_s * way.random() ** 3 for _ in range(2))
                time.sleep(there_s)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
                    far.settimeout(0.5)
                    far.sendto(data, ("127.0.0.1", port))
                    try:
                        packet = far.recv(256)
                    except OSError:
                        continue
                time.sleep(back_s)
                near.sendto(packet, peer)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"127.0.0.1:{near.getsockname()[1]}"
        finally:
            done.set()
            thread.join()
