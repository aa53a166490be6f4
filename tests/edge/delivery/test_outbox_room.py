from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.delivery.outbox import Outbox
from edge.detection import Draft
from edge.messages import HitMessage, LostMessage, digest, parse_message
from edge.messages.records import MAX_RANGES
from edge.server.arrival import examine
from edge.server.store import open_store
from tests.edge.delivery.full_outbox import (
    Owed,
    declared,
    file_bytes,
    hit,
    idle_hits,
    look,
    other,
    owed_seqs,
    publish,
)
from tests.edge.delivery.test_outbox import balance
from tests.edge.server.databases import watermark_of

CAP_BYTES = 1_000_000


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox.open(tmp_path, "cellar-1", max_bytes=CAP_BYTES)
    yield opened
    opened.close()


def fill(outbox: Outbox, drafts: list[Draft]) -> None:
    for draft in drafts:
        outbox.commit([draft])
        assert file_bytes(outbox) <= CAP_BYTES


def without_pictures(outbox: Outbox) -> list[Owed]:
    return [one for one in look(outbox).values() if one.kind == "hit" and not one.has_picture]


def test_pictures_go_before_any_hit_and_the_hit_says_so(outbox: Outbox) -> None:
    fill(outbox, [hit(n) for n in range(250)])
    counts = outbox.counts()
    assert counts.hits_lost == 0
    assert counts.owed == {"hit": 250}
    bare = without_pictures(outbox)
    assert len(bare) == counts.totals["pictures_dropped"] > 0
    message = parse_message(publish(outbox, [bare[0].seq])[0])
    assert isinstance(message, HitMessage)
    assert (message.crop.data, message.crop.dropped) == (None, "outbox_full")
    assert (message.crop.width_px, message.peak_adu) == (60, 900)


def test_the_lowest_score_goes_first_and_of_equal_ones_the_oldest(outbox: Outbox) -> None:
    artefact = [0.0, 0.96, 0.31, 1.0, 0.34]
    fill(outbox, [hit(n, artefact[n % 5]) for n in range(210)])
    rows = list(look(outbox).values())
    bare = sorted((one.worth, one.seq) for one in rows if not one.has_picture)
    full = sorted((one.worth, one.seq) for one in rows if one.has_picture)
    assert len(bare) > 20
    assert bare[-1] < full[0]
    assert {worth for worth, _ in bare} == {0}, "0.96 and 1.0 are one tenth, 0.31 and 0.34 another"


@pytest.mark.parametrize(
    ("poor", "good"),
    [
        ({"class": "artefact"}, {"class": "spot"}),
        ({"class": "spot"}, {"artefact": 0.1}),
        ({"artefact": 0.9, "class": "track"}, {"class": "artefact", "artefact": 0.2}),
    ],
)
def test_what_rules_call_an_artefact_goes_before_what_nobody_judged(
    outbox: Outbox, poor: dict[str, Any], good: dict[str, Any]
) -> None:
    made = [good, poor]
    fill(outbox, [hit(n, **made[n % 2]) for n in range(240)])
    bare = {one.seq % 2 for one in without_pictures(outbox)}
    assert bare == {0}


def test_what_was_published_keeps_its_content_and_goes_whole(outbox: Outbox) -> None:
    fill(outbox, [hit(n, 1.0) for n in range(20)])
    sent = dict(zip(owed_seqs(outbox), publish(outbox, owed_seqs(outbox)), strict=True))
    fill(outbox, [hit(n, 0.0) for n in range(20, 260)])
    assert without_pictures(outbox), "those that were never published gave their pictures"
    assert owed_seqs(outbox)[:20] == list(sent)
    assert publish(outbox, list(sent)) == list(sent.values())
    fill(outbox, [hit(n, 0.0) for n in range(260, 800)])
    left = [seq for seq in sent if seq in owed_seqs(outbox)]
    assert not left, "the lowest score goes first, published or not"
    assert declared(outbox)[outbox.epoch, "outbox_full"][:20] == list(sent)


def test_a_new_epoch_lets_pictures_go_that_were_published_under_the_old_keys(
    outbox: Outbox,
) -> None:
    fill(outbox, [hit(n) for n in range(120)])
    before = [digest(payload) for payload in publish(outbox, owed_seqs(outbox))]
    assert outbox.acknowledge(outbox.epoch, 10**6)
    fill(outbox, [hit(n) for n in range(120, 250)])
    bare = [one.seq for one in without_pictures(outbox)]
    assert bare[0] == 1
    assert digest(publish(outbox, [1])[0]) not in before


def test_what_was_delivered_goes_before_anything_that_is_owed(outbox: Outbox) -> None:
    fill(outbox, [hit(n) for n in range(100)])
    publish(outbox, owed_seqs(outbox))
    outbox.acknowledge(outbox.epoch, 100)
    assert idle_hits(outbox) == 100
    fill(outbox, [hit(n) for n in range(100, 200)])
    assert 0 < idle_hits(outbox) < 90
    counts = outbox.counts()
    assert (counts.hits_lost, counts.totals.get("pictures_dropped", 0)) == (0, 0)
    fill(outbox, [hit(n) for n in range(200, 300)])
    assert idle_hits(outbox) == 0
    assert outbox.counts().totals["pictures_dropped"] > 0


def test_calibrations_and_clocks_go_after_all_hits_and_exposures_last(outbox: Outbox) -> None:
    kinds = ("clock", "calibration", "exposure")
    fill(outbox, [hit(n) for n in range(150)] + [other(kind) for kind in kinds] * 100)
    seen = []
    for _ in range(1500):
        outbox.commit([other("exposure")])
        owed = outbox.counts().owed
        seen.append(tuple(owed.get(kind, 0) for kind in ("hit", "calibration", "clock")))
        if not any(seen[-1]):
            break
    assert seen[-1] == (0, 0, 0)
    assert any(hits == 0 and calibrations + clocks > 50 for hits, calibrations, clocks in seen)
    assert all(calibrations == 100 for hits, calibrations, _ in seen if hits > 20)
    assert all(clocks == 100 for _, calibrations, clocks in seen if calibrations > 20)
    assert outbox.counts().owed["exposure"] > 60 + len(seen), "few have gone yet"
    for _ in range(100):
        outbox.commit([other("exposure")])
    assert outbox.counts().owed["exposure"] < 200 + len(seen)
    assert file_bytes(outbox) <= CAP_BYTES


def test_a_year_of_losses_is_told_in_few_bytes_and_without_one_forgotten(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "cellar-1", max_bytes=CAP_BYTES)
    for n in range(0, 6000, 20):
        drafts = [hit(n + k, k % 2) for k in range(20)]
        outbox.commit([*drafts, other("exposure")])
        assert file_bytes(outbox) <= CAP_BYTES
        if n == 3000:
            outbox.close()
            outbox = Outbox.open(tmp_path, "cellar-1", max_bytes=CAP_BYTES)
    counts = outbox.counts()
    assert counts.owed["exposure"] == 300
    assert counts.totals["hits_lost"] > 5000
    assert counts.owed["lost"] == 1
    still = set(owed_seqs(outbox))
    told = declared(outbox)[outbox.epoch, "outbox_full"]
    assert len(told) == len(set(told)) == counts.totals["lost"]
    assert still.isdisjoint(told)
    assert still | set(told) == set(range(1, counts.totals["committed"] + 1))
    outbox.close()


def test_more_ranges_than_a_message_holds_go_out_in_several(outbox: Outbox) -> None:
    """Every second hit is lost, so that no two ranges touch."""
    db = outbox._store._db
    outbox.commit([hit(n, n % 2) for n in range(2)])
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 2 FROM n WHERE i < 5000) "
        "INSERT INTO loss SELECT ?, 'outbox_full', i, i, '{\"hit\":1}' FROM n",
        (outbox.epoch,),
    )
    outbox._store.state.next_seq = 5003
    fill(outbox, [hit(n, 0.0) for n in range(1000)])
    before = outbox.counts().totals["lost"]
    assert before > 0
    messages = []
    seen = 0
    while seqs := [seq for seq, _ in outbox.pending(seen, 64)]:
        messages += [parse_message(payload) for payload in publish(outbox, seqs)]
        seen = seqs[-1]
    lost = [one for one in messages if isinstance(one, LostMessage)]
    assert max(len(one.ranges) for one in lost) == MAX_RANGES
    assert sum(len(one.ranges) for one in lost) >= 2496
    told = [n for one in lost for r in one.ranges for n in range(r.first_seq, r.last_seq + 1)]
    assert len(told) == len(set(told)) == 2496 + before
    assert outbox.counts().owed_total == len(messages)


def test_a_declaration_that_is_refused_is_made_again_in_halves(outbox: Outbox) -> None:
    for n in range(0, 1500, 20):
        outbox.commit([*(hit(n + k, (k % 3) / 3) for k in range(20)), other("exposure")])
    (seq,) = [seq for seq, one in look(outbox).items() if one.kind == "lost"]
    (payload,) = publish(outbox, [seq])
    whole = parse_message(payload)
    assert isinstance(whole, LostMessage)
    assert outbox.refuse(outbox.epoch, seq, "too large")
    again = [parse_message(payload) for payload in publish(outbox, owed_seqs(outbox)[-3:])]
    parts = [one for one in again if isinstance(one, LostMessage)]
    assert [one.reason for one in parts] == ["refused", "outbox_full", "outbox_full"]
    assert [*parts[1].ranges, *parts[2].ranges] == whole.ranges
    assert len(parts[1].ranges) - len(parts[2].ranges) in (0, 1)
    assert all(one.lost_epoch == outbox.epoch for one in parts[1:])


def test_a_broker_that_takes_no_declarations_is_not_answered_with_ever_more(
    outbox: Outbox,
) -> None:
    for n in range(0, 600, 20):
        outbox.commit([hit(n + k) for k in range(20)])
    outbox.commit([other("exposure")])
    before = owed_seqs(outbox)
    assert outbox.refuse(outbox.epoch, before[0], "too large")
    for _ in range(12):
        kinds = {seq: one.kind for seq, one in look(outbox).items()}
        declarations = [seq for seq, kind in kinds.items() if kind == "lost"]
        assert len(declarations) <= 2
        publish(outbox, declarations)
        for seq in declarations:
            assert outbox.refuse(outbox.epoch, seq, "not this topic")
    still = set(owed_seqs(outbox))
    told = declared(outbox)
    seqs = [seq for part in told.values() for seq in part]
    last = outbox._store.state.next_seq - 1
    assert sorted([*seqs, *still]) == list(range(1, last + 1)), "each once"
    assert {reason for _, reason in told} == {"outbox_full", "refused"}
    balance(outbox)


def test_losses_that_were_not_told_yet_outlive_a_new_epoch(outbox: Outbox) -> None:
    fill(outbox, [hit(n, 0.0) for n in range(1000)])
    old, lost = outbox.epoch, outbox.counts().totals["lost"]
    assert lost > 0
    assert outbox.acknowledge(old, 10**6)
    fill(outbox, [hit(n, 0.0) for n in range(1000, 1200)])
    told = declared(outbox)
    assert len(set(told[old, "outbox_full"])) == lost
    assert len(set(told[outbox.epoch, "outbox_full"])) == outbox.counts().totals["lost"] - lost


def test_a_server_that_comes_back_after_a_year_passes_all_of_it(
    outbox: Outbox, tmp_path: Path
) -> None:
    """What is stored and what is declared lost make every number, bare hits among them."""
    for n in range(0, 3000, 20):
        outbox.commit([*(hit(n + k, (k % 7) / 7) for k in range(20)), other("exposure")])
    made = outbox._store.state.next_seq - 1
    lost = outbox.counts().totals["lost"]
    store = open_store(str(tmp_path / "collector.db"))
    seen = 0
    while seqs := [seq for seq, _ in outbox.pending(seen, 64)]:
        arrivals = [
            examine(f"cosmic-edge/v1/cellar-1/{out.kind}", out.payload, {})
            for out in outbox.freeze(outbox.epoch, seqs)
        ]
        receipt = store.commit(arrivals)
        assert receipt.stored == len(seqs)
        outbox.acknowledge(outbox.epoch, receipt.answers[0].upto)
        seen = seqs[-1]
    assert watermark_of(store, "cellar-1", outbox.epoch) == made
    store.close()
    assert outbox.is_empty
    with contextlib.closing(sqlite3.connect(tmp_path / "collector.db")) as db:
        kinds = dict(db.execute("SELECT kind, count(*) FROM messages GROUP BY kind"))
    assert kinds["declared_lost"] == lost
    assert sum(kinds.values()) == made
    assert kinds["exposure"] == 150


def test_losses_that_were_not_told_yet_outlive_a_damaged_file(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, "cellar-1", max_bytes=CAP_BYTES)
    fill(outbox, [hit(n, 0.0) for n in range(1000)])
    old, lost = outbox.epoch, outbox.counts().totals["lost"]
    assert lost > 0
    outbox.close()
    path = tmp_path / "rig.sqlite"
    data = bytearray(path.read_bytes())
    at = data.rfind(b'"class":"spot"')
    page = at // 4096 * 4096
    data[page : page + 4096] = bytes(4096)
    path.write_bytes(bytes(data))
    again = Outbox.open(tmp_path, "cellar-1", max_bytes=CAP_BYTES)
    if again.epoch == old:  # closed in order, so that the damage shows itself only where it is read
        again.acknowledge(old, 10**6)
    told = declared(again)
    assert len(set(told[old, "outbox_full"])) == lost
    again.close()
