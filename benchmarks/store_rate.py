"""How many hits a second the collector's store takes: both engines, sizes of hit and of batch.

``python -m benchmarks.store_rate`` starts a PostgreSQL of its own, which as it comes waits for the
disk at each commit, and fills it through `Store.commit`. `own_cpu` is the collector's share of the
time; the rest is the database's, or the disk's.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.messages import encode, envelope
from edge.server.arrival import Arrival, examine
from edge.server.store import Store, open_store
from tests.message_examples import body
from tests.postgres import Postgres, why_not

SIDES_PX = (8, 60)
"""Sides of the crop: 60 px is what a rig sends."""
BATCHES = (1, 50, 500)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a line for each case."""
    parser = argparse.ArgumentParser(description="Hits per second through the collector's store.")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        results.append(_disk(Path(folder)))
        results += _engine(f"{folder}/store.db", options.seconds)
    if reason := why_not():
        print(reason)
    else:
        server = Postgres(durable=True)
        try:
            results += _engine(server.create(), options.seconds)
        finally:
            server.stop()
    for one in results:
        print(json.dumps(one) if options.json else "  ".join(f"{k} {v}" for k, v in one.items()))


def _disk(folder: Path) -> dict[str, object]:
    """How long the disk takes to keep 8 kB."""
    times = []
    with (folder / "plain").open("wb", buffering=0) as file:
        for _ in range(200):
            start = time.perf_counter()
            file.write(bytes(8192))
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return {"engine": "fdatasync of 8 kB", "median_ms": round(float(np.median(times)) * 1e3, 3)}


def _engine(url: str, seconds: float) -> Iterator[dict[str, object]]:
    store = open_store(url)
    try:
        for side_px in SIDES_PX:
            for batch in BATCHES:
                yield _rate(store, f"rig-{side_px}-{batch}", side_px, batch, seconds)
    finally:
        store.close()


def _rate(store: Store, rig: str, side_px: int, batch: int, seconds: float) -> dict[str, object]:
    stream = _hits(rig, side_px)
    size = stored = 0
    spent_s = cpu_s = 0.0
    store.commit([next(stream)])
    while spent_s < seconds:
        arrivals = [next(stream) for _ in range(batch)]
        size = len(arrivals[0].payload)
        start, cpu = time.perf_counter(), time.process_time()
        receipt = store.commit(arrivals)
        cpu_s += time.process_time() - cpu
        spent_s += time.perf_counter() - start
        stored += receipt.stored
    return {
        "engine": store.engine,
        "bytes": size,
        "batch": batch,
        "hits_per_s": round(stored / spent_s),
        "ms_per_commit": round(spent_s / stored * batch * 1e3, 2),
        "own_cpu": f"{cpu_s / spent_s:.0%}",
    }


def crops(side_px: int) -> list[str]:
    """64 pictures of noise, as PNG in base64."""
    random = np.random.default_rng(1)
    made = []
    for _ in range(64):
        pixels = random.normal(64, 12, (side_px, side_px)).astype(np.uint16)
        done, data = cv2.imencode(".png", pixels)
        assert done
        made.append(base64.b64encode(data.tobytes()).decode())
    return made


def _hits(rig: str, side_px: int) -> Iterator[Arrival]:
    """Hits with crops of noise, which no compression makes smaller."""
    pictures = crops(side_px)
    hit = body("hit")
    for seq in range(1, 1_000_000):
        crop = {**hit["crop"], "width_px": side_px, "height_px": side_px}
        changes = {**hit, "crop": {**crop, "data": pictures[seq % 64]}, "frame": seq}
        message = envelope(
            "hit", changes, rig=rig, epoch="0123456789abcdef", seq=seq, floor=1, origin="camera"
        )
        yield examine(f"cosmic-edge/v1/{rig}/hit", encode(message), {})


if __name__ == "__main__":
    main()
