"""The rig of the measurement: fills its outbox, says so, and delivers when told."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.store_rate import crops
from edge.delivery import Outbox
from edge.delivery.address import BrokerAddress
from edge.delivery.uplink import Uplink
from edge.detection import Draft
from tests.message_examples import body

_TOGETHER = 500


def drafts(count: int, side_px: int) -> list[Draft]:
    """Hits that differ, with crops of noise."""
    pictures = crops(side_px)
    hit = body("hit")
    made = []
    for frame in range(count):
        crop = {
            **hit["crop"],
            "width_px": side_px,
            "height_px": side_px,
            "data": pictures[frame % len(pictures)],
        }
        made.append(Draft("hit", {**hit, "crop": crop, "frame": frame}, "camera"))
    return made


def main(folder: str, broker: str, rig: str, count: int, side_px: int) -> None:
    """Fill, wait for a line, deliver until nothing is owed, wait for another."""
    outbox = Outbox.open(Path(folder), rig)
    hits = drafts(count, side_px)
    for at in range(0, count, _TOGETHER):
        outbox.commit(hits[at : at + _TOGETHER])
    uplink = Uplink(outbox, BrokerAddress.parse(broker), rig)
    print("filled", flush=True)
    sys.stdin.readline()
    begun = time.process_time()
    uplink.start()
    drained = uplink.drain(300)
    print(f"{drained} {time.process_time() - begun:.3f} {uplink.stats.resent}", flush=True)
    sys.stdin.readline()
    uplink.stop()
    outbox.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
