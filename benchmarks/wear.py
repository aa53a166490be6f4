"""How much a rig writes to its card for each hit: ``python -m benchmarks.wear``.

The kernel's own count (``write_bytes`` in ``/proc/self/io``) of what goes to the disk, from the
commit of a hit to its end in the archive, on the file system of the folder that is named. A file
system in memory counts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from edge.delivery import Outbox
from edge.detection import Draft
from tests.edge.hits.made import message

_HITS = 512
_ENVELOPE = ("schema", "rig", "epoch", "seq", "id", "floor", "origin")


def hit_draft(number: int) -> Draft:
    """A hit of a usual size, with a crop of 60 x 60 px of noise."""
    body = {key: value for key, value in message(number).items() if key not in _ENVELOPE}
    return Draft("hit", body, "camera")


def written_bytes() -> int:
    """What this process has had written to disks."""
    os.sync()
    text = Path("/proc/self/io").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("write_b")))


def measure(folder: Path, together: int) -> dict[str, Any]:
    """Commit, freeze and let go of hits, `together` in each transaction."""
    outbox = Outbox.open(folder, "cellar-1")
    drafts = [hit_draft(n) for n in range(1, _HITS + 1)]
    size = sum(len(json.dumps(draft.body)) for draft in drafts) / _HITS
    begun = written_bytes()
    for at in range(0, _HITS, together):
        seqs = outbox.commit(drafts[at : at + together], {"origin": "camera", "until_utc": "x"})
        outbox.freeze(outbox.epoch, seqs)
        outbox.acknowledge(outbox.epoch, seqs[-1])
    per_hit = (written_bytes() - begun) / _HITS
    outbox.close()
    return {
        "hits_together": together,
        "bytes_of_a_hit": round(size),
        "written_per_hit": round(per_hit),
        "ratio": round(per_hit / size, 2),
    }


def main() -> None:
    """Print one JSON object a line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, default=Path.cwd(), help="on the card to be tried")
    folder = options.parse_args().folder
    for together in (1, 8, 64):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            print(json.dumps(measure(Path(place), together)))


if __name__ == "__main__":
    main()
