"""Measure: ``python -m benchmarks.throughput``.

Everything runs on this machine: a rig that drains a filled outbox, mosquitto with TLS, a collector
and PostgreSQL with its disk. Beside it, in the same run, bare paho over the same broker with
messages of the same size and the same window. What each process costs is said too: with more
cores than processes, the dearest of them is the limit.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.throughput.world import World, cpu_s, process_cpu_s, world

SIDES_PX = (8, 60)
_SUBSCRIBED_S = 2.0
"""After this the collectors have their tables and are subscribed."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hits", type=int, default=20_000, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--collectors", type=int, default=1, help="on one shared subscription")
    parser.add_argument("--folder", type=Path, help="on the disk of the outbox")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    for repeat in range(options.repeats):
        with world(options.folder) as place:
            for side_px in SIDES_PX:
                name = f"rig-{side_px}-{repeat}"
                whole = whole_way(place, name, options.hits, side_px, options.collectors)
                bare = bare_way(place, options.hits, int(whole["bytes"]))
                for one in (whole, {**bare, "ratio": _ratio(bare, whole)}):
                    _show(one, as_json=options.json)


def _ratio(bare: dict[str, Any], whole: dict[str, Any]) -> float:
    return round(float(bare["per_s"]) / float(whole["per_s"]), 2)


def _show(one: dict[str, Any], *, as_json: bool) -> None:
    line = json.dumps(one) if as_json else "  ".join(f"{key} {one[key]}" for key in one)
    print(line, flush=True)


def whole_way(
    place: World, rig: str, count: int, side_px: int, collectors: int = 1
) -> dict[str, Any]:
    """From a filled outbox to the last commit and back to the last confirmation."""
    import psycopg

    servers = [_collector(place, shared=collectors > 1) for _ in range(collectors)]
    sender = _start(
        "benchmarks.throughput.rig", place.folder / rig, place.broker, rig, count, side_px
    )
    try:
        assert _said(sender) == "filled"
        time.sleep(_SUBSCRIBED_S)
        database = psycopg.connect(place.database, autocommit=True)
        before = [process_cpu_s(one) for one in servers], cpu_s("mosquitto"), cpu_s("postgres")
        begun = time.perf_counter()
        _tell(sender)
        drained, rig_cpu_s, resent = _said(sender).split()
        spent_s = time.perf_counter() - begun
        after = [process_cpu_s(one) for one in servers], cpu_s("mosquitto"), cpu_s("postgres")
        _tell(sender)
        row = database.execute("SELECT count(*) FROM hits WHERE rig = %s", (rig,)).fetchone()
        size = database.execute(
            "SELECT avg(length(message::text) + 4 * length(crop) / 3) FROM hits WHERE rig = %s",
            (rig,),
        ).fetchone()
        database.close()
    finally:
        _end(sender, *servers)
    assert (drained, row) == ("True", (count,)), f"{row} of {count} stored"
    assert size is not None
    return {
        "way": "outbox to PostgreSQL",
        "bytes": round(size[0]),
        "per_s": round(count / spent_s),
        "resent": int(resent),
        "us_rig": _us(float(rig_cpu_s), count),
        "us_broker": _us(after[1] - before[1], count),
        "us_collector": _us(sum(after[0]) - sum(before[0]), count),
        "us_database": _us(after[2] - before[2], count),
    }


def bare_way(place: World, count: int, size: int) -> dict[str, Any]:
    """The same number of messages from paho to paho."""
    ca_file = str(place.ca_file)
    taker = _start("benchmarks.throughput.bare", "subscribe", place.broker_port, ca_file, count)
    giver = _start("benchmarks.throughput.bare", "publish", place.broker_port, ca_file, count, size)
    try:
        assert (_said(taker), _said(giver)) == ("ready", "ready")
        before, broker_before = process_cpu_s(taker), cpu_s("mosquitto")
        begun = time.perf_counter()
        _tell(giver)
        given, taken = _said(giver).split(), _said(taker).split()
        spent_s = time.perf_counter() - begun
        broker = cpu_s("mosquitto") - broker_before
    finally:
        _end(taker, giver)
    return {
        "way": "bare paho",
        "bytes": size,
        "per_s": round(count / spent_s),
        "us_publisher": _us(float(given[1]), count),
        "us_broker": _us(broker, count),
        "us_subscriber": _us(float(taken[1]) - before, count),
    }


def _us(spent_s: float, count: int) -> int:
    return round(spent_s / count * 1e6)


def _collector(place: World, *, shared: bool) -> subprocess.Popen[str]:
    share = ("--share", "measured") if shared else ()
    return _start(
        "edge.cli.main",
        "collect",
        "--broker",
        place.broker,
        "--db",
        place.database,
        *share,
        "--json",
    )


def _start(module: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _end(*processes: subprocess.Popen[str]) -> None:
    for one in processes:
        one.terminate()
    for one in processes:
        one.communicate(timeout=30)  # closes its pipes too


if __name__ == "__main__":
    main()
