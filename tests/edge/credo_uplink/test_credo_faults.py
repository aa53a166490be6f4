"""Any sequence of faults: the sums hold, nothing is lost, nothing is shown twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.edge.credo_uplink.conftest import changed, exposure, hit
from tests.edge.credo_uplink.credo_server import (
    CredoServer,
    cut_after,
    cut_before,
    half,
    ordinary,
    says,
)

Send = Callable[..., tuple[int, dict[str, Any], str]]
FAULTS = [
    ordinary, ordinary, ordinary, cut_before, cut_after, half, says(500, "<h1>"), says(502),
    says(503), says(429, None, Retry_After="0"), says(401, {"message": "Invalid token"}),
    says(404),
    says(413, "<html>too large</html>"), says(400, {"message": "no"}), says(302), says(200, "<p>"),
    says(200, {"detections": [{"id": 1}] * 3}), says(408),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_whatever_befalls_a_run_the_next_ones_make_it_good(
    credo: CredoServer, rig: Callable[..., Path], send: Send, seed: int
) -> None:
    chance = random.Random(seed)
    hits = [hit(seq) for seq in range(1, 61)]
    folder = rig([*hits, hit(61, origin="injection")], [exposure(90), exposure(91, minute=1)])
    credo.script.extend([ordinary, ordinary, *chance.choices(FAULTS, k=40)])
    for _ in range(60):
        more = ["--retry-refused"] if chance.random() < 0.5 else []
        code, summary, _ = send("--state-dir", folder, "--attempts", "2", *more)
        assert summary["offered"] == 63  # its sum is looked at in every run
        assert (code == 0) == (summary["left"] == 0)
        if not credo.script and summary["left"] == 0 and summary["refused"] == 0:
            break
    else:
        send("--state-dir", folder, "--retry-refused")
    rows = Counter(credo.rows.ids)
    assert set(rows) == {one["id"] for one in hits}
    assert sorted(credo.rows.visible_ids) == sorted(one["id"] for one in hits)
    with changed(folder / "credo.sqlite") as db:
        sends = dict(db.execute("SELECT id, sends FROM ledger").fetchall())
    assert all(count <= sends[name] for name, count in rows.items())
