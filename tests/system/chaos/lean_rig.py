"""A rig without a camera, as a process: the device's own outbox, writer and uplink, and a journal.

Run as ``python -m tests.system.chaos.lean_rig``; SIGTERM lets it deliver what it owes and end.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from edge.cli.shared import stop_on_signals
from edge.delivery import KEEP, BrokerAddress, Outbox, OutboxWriter, Uplink
from edge.detection import Draft
from edge.fleet.made import MadeHits
from tests.system.chaos.journal import Journal, read

_CROP_PX = 8
_ACK_TIMEOUT_S = 2.0


def main() -> int:
    """Make hits until SIGTERM, or until there are enough."""
    options = options_of()
    stop = stop_on_signals()
    story = read(options.journal)
    journal = Journal(options.journal)
    journal.start()
    outbox = Outbox.open(options.state, options.rig, max_bytes=options.max_bytes)
    with closing(outbox), delivering(outbox, options.broker) as uplink:

        def committed(rows: list[tuple[int, Draft]]) -> None:
            journal.made((int(d.body["frame"]), outbox.epoch, seq) for seq, d in rows)
            uplink.wake()

        writer = OutboxWriter(outbox, max_delay_s=0.02, max_rows=32, on_commit=committed)
        try:
            make(writer, journal, story.announced, options, stop)
        finally:
            writer.close(60.0)
        done = uplink.drain(options.drain_s)
    return 0 if done else 1


def make(
    writer: OutboxWriter,
    journal: Journal,
    number: int,
    options: argparse.Namespace,
    stop: threading.Event,
) -> None:
    """Hand over hits in small groups, at the wanted rate; each bears the maker and its number."""
    hits = MadeHits(_CROP_PX, seed=number)
    chance = random.Random(number)
    last = number + (options.hits or sys.maxsize)
    began, start = time.monotonic(), number
    while number < last and not stop.is_set():
        group = min(chance.randint(1, 8), last - number)
        journal.announce(number + 1, number + group)
        drafts = []
        for n in range(number + 1, number + group + 1):
            draft = hits.draft(n)
            drafts.append(replace(draft, body={**draft.body, "series": options.maker}))
        writer.put(drafts, KEEP)
        number += group
        ahead_s = (number - start) / options.rate - (time.monotonic() - began)
        stop.wait(max(0.0, ahead_s))
    if not stop.is_set():
        settle(writer, stop)
        journal.rest()
        stop.wait()


def settle(writer: OutboxWriter, stop: threading.Event) -> None:
    """Wait until the last one is committed."""
    while writer.counts().waiting and not stop.wait(0.02):
        pass


@contextmanager
def delivering(outbox: Outbox, broker: str) -> Iterator[Uplink]:
    """An uplink that runs."""
    uplink = Uplink(outbox, BrokerAddress.parse(broker), outbox.rig, ack_timeout_s=_ACK_TIMEOUT_S)
    uplink.start()
    try:
        yield uplink
    finally:
        uplink.stop(2.0)


def options_of(*flags: str) -> argparse.Namespace:
    """What the command line says; `flags` are further ones, off by default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--rig", required=True)
    parser.add_argument("--maker", required=True, help="who made a hit, beside its number")
    parser.add_argument("--rate", type=float, default=100.0, help="hits a second")
    parser.add_argument("--hits", type=int, default=0, help="no more than these; 0: no end")
    parser.add_argument("--max-bytes", type=int, default=1_000_000_000)
    parser.add_argument("--drain-s", type=float, default=150.0)
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
